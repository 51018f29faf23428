/** One more real system a day; `npm run test:vm` builds them all. */
import assert from 'node:assert/strict';
import { systemOfTheDay } from '../support/systems.ts';

const today = systemOfTheDay(new Date());

describe(`another system in turn: today ${today.name}`, () => {
  it('comes to each in as many days as there are', () => {
    const days = [0, 1].map((day) => systemOfTheDay(new Date(Date.UTC(2026, 0, 1 + day))).name);
    assert.deepEqual(new Set(days), new Set(['debian-12-tiny-uefi', 'debian-12-netinst']));
  });

  today.describe();
});
