import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { freshSpots, scrolledBy } from '../../../src/workshop/provision/freshness.ts';
import { paperScreen, ROWS } from './paper-machine.ts';
import { reader } from './paper-run.ts';

const fresh = (before: readonly string[], now: readonly string[], text: string) => {
  const [a, b] = [paperScreen(before), paperScreen(now)];
  return freshSpots(a, reader.find(a, text), b, reader.find(b, text));
};
/** A screen of so few rows. */
const screenOf = (text: readonly string[], rows: number) => {
  const screen = paperScreen(text);
  return { ...screen, rows, lines: screen.lines.slice(0, rows) };
};
const numbered = (from: number) => Array.from({ length: ROWS }, (_, row) => `line ${from + row}`);

describe('what is new on a screen', () => {
  it('is nothing where nothing changed', () => {
    assert.deepEqual(fresh(['login:'], ['login:'], 'login:'), []);
  });

  it('is a second occurrence, and not the first', () => {
    const before = ['# echo DONE'];
    const now = ['# echo DONE', 'DONE', '# '];
    assert.deepEqual(fresh(before, now, 'DONE'), [{ row: 1, column: 0, length: 4 }]);
  });

  it('is a prompt that comes again below, after the screen has scrolled under it', () => {
    const before = [...numbered(0).slice(0, ROWS - 1), '# ls'];
    const now = [...before.slice(3), 'a', 'b', '# '];
    assert.equal(scrolledBy(paperScreen(before).lines, paperScreen(now).lines), 3);
    assert.deepEqual(fresh(before, now, '#'), [{ row: ROWS - 1, column: 0, length: 1 }]);
  });

  it('is not a text that only scrolled up', () => {
    const before = ['first', 'READY', 'second', 'third'];
    const now = ['READY', 'second', 'third', 'fourth'];
    assert.deepEqual(fresh(before, now, 'READY'), []);
  });

  it('is everything on a screen of which no row is left', () => {
    assert.equal(fresh(['Welcome', 'press enter'], ['Choose', 'press enter now'], 'press enter').length, 1);
  });

  it('is not a prompt behind which an echo has come late, though it is all that the screen has', () => {
    assert.deepEqual(fresh(['login:'], ['login: root'], 'login:'), []);
    assert.equal(fresh(['login:'], ['login: root'], 'root').length, 1);
    assert.equal(scrolledBy(['login:     '], ['login: root']), 0);
    // It has moved, or something else stands before it: the screen was drawn anew.
    assert.equal(scrolledBy(['login:     ', '           '], ['           ', 'login: root']), 'replaced');
    assert.equal(scrolledBy(['login:     '], ['no login:  ']), 'replaced');
  });

  it('is what has come behind the last line, and nothing else, whatever the screen holds', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}[:#$]?$/);
    const lines = fc.array(fc.oneof(fc.constant(''), word), { minLength: 1, maxLength: ROWS });
    const screens = fc
      .tuple(lines, fc.stringMatching(/^ ?[0-9]{1,4}$/), fc.nat(ROWS))
      .filter(([before]) => before.some((line) => line !== ''))
      .map(([before, echo, below]) => {
        const last = before.findLastIndex((line) => line !== '');
        const rows = Math.min(ROWS, last + 1 + below);
        return { before, now: before.with(last, `${before[last]}${echo}`), echo: echo.trim(), rows };
      });
    fc.assert(
      fc.property(screens, ({ before, now, echo, rows }) => {
        const [a, b] = [screenOf(before, rows), screenOf(now, rows)];
        const freshOf = (text: string) => freshSpots(a, reader.find(a, text), b, reader.find(b, text));
        for (const text of before.filter((line) => line !== '')) assert.deepEqual(freshOf(text), [], text);
        assert.equal(freshOf(echo).length, 1);
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  it('is everything where the screen has another size', () => {
    assert.equal(scrolledBy(['ab', 'cd'], ['ab ', 'cd ']), 'replaced');
  });

  it('is not a title that stays where it is while the rest changes', () => {
    const before = ['+- Configure -+', 'Name:', 'alice'];
    const now = ['+- Configure -+', 'Password:', ''];
    assert.deepEqual(fresh(before, now, 'Configure'), []);
    assert.equal(fresh(before, now, 'Password').length, 1);
  });
});
