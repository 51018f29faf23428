/** One more real system a day; `npm run test:vm` builds them all. */
import assert from 'node:assert/strict';
import { describeSystem, FAST_SYSTEMS, systemOfTheDay } from '../support/systems.ts';

const today = systemOfTheDay(new Date());

describe(`another system in turn: today ${today.name}`, () => {
  it('comes to each in as many days as there are', () => {
    const days = FAST_SYSTEMS.map((_, index) => systemOfTheDay(new Date(Date.UTC(2026, 0, 1 + index))).name);
    assert.deepEqual(new Set(days), new Set(FAST_SYSTEMS.map(({ name }) => name)));
  });

  describeSystem(today);
});
