import assert from 'node:assert/strict';
import { freshSpots, scrolledBy } from '../../../src/workshop/provision/freshness.ts';
import { paperScreen, ROWS } from './paper-machine.ts';
import { reader } from './paper-run.ts';

const fresh = (before: readonly string[], now: readonly string[], text: string) => {
  const [a, b] = [paperScreen(before), paperScreen(now)];
  return freshSpots(a, reader.find(a, text), b, reader.find(b, text));
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
