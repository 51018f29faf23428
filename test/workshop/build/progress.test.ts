import assert from 'node:assert/strict';
import { paced, type Progress } from '../../../src/workshop/build/progress.ts';

describe('progress', () => {
  it('is told a few times a second, its beginning and its end always', () => {
    const told: Progress[] = [];
    let nowMs = 1_000;
    const tell = paced(
      (progress) => told.push(progress),
      () => nowMs,
    );
    for (let done = 1; done <= 10_000; done += 1) {
      tell({ what: 'measuring', done, total: 10_000 });
      nowMs += 0.125; // exact in binary
    }
    tell({ what: 'storing', done: 1, total: 0 });
    assert.deepEqual(
      told.map(({ what, done }) => [what, done]),
      [
        ['measuring', 1],
        ['measuring', 1_601],
        ['measuring', 3_201],
        ['measuring', 4_801],
        ['measuring', 6_401],
        ['measuring', 8_001],
        ['measuring', 9_601],
        ['measuring', 10_000],
        ['storing', 1],
      ],
    );
  });
});
