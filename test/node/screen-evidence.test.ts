import assert from 'node:assert/strict';
import {
  formatScreen,
  parseScreen,
  SCREEN_MAX_BYTES,
  SCREEN_MAX_COLUMNS,
  SCREEN_MAX_ROWS,
} from '../../src/node/screen-evidence.ts';

const bytes = (text: string) => Buffer.from(text);

describe('a screen as evidence', () => {
  it('is its rows without blank ends, and is read back as it was', () => {
    const text = formatScreen(['Choose the language   ', '', '  ┌──┐', '', '   ']);
    assert.equal(text, 'Choose the language\n\n  ┌──┐\n');
    assert.deepEqual(parseScreen(bytes(text)), ['Choose the language', '', '  ┌──┐']);
    assert.deepEqual(parseScreen(bytes(formatScreen([]))), []);
  });

  it('threat 36: carries no character that would speak to a terminal, whatever a guest draws', () => {
    const text = formatScreen(['a\u001b[2Jb\u202ec\td\ud800']);
    assert.equal(text, 'a\ufffd[2Jb\ufffdc\ufffdd\ufffd\n');
    assert.doesNotThrow(() => parseScreen(bytes(text)));
    const many = formatScreen(Array.from({ length: 500 }, () => 'x'.repeat(1000)));
    assert.equal(parseScreen(bytes(many)).length, SCREEN_MAX_ROWS);
  });

  it('is nothing else: a peer cannot send a picture, a file or a flood under its name', () => {
    const refused: readonly (readonly [Uint8Array, RegExp])[] = [
      [Buffer.from([0x89, 0x50, 0x4e, 0x47]), /not UTF-8/],
      [bytes('a\u001b[2J\n'), /control/],
      [bytes('a\tb\n'), /control/],
      [bytes('\u202eabc\n'), /direction/],
      [bytes('no end'), /does not end/],
      [bytes('\n'.repeat(SCREEN_MAX_ROWS + 1)), /rows/],
      [bytes(`${'x'.repeat(SCREEN_MAX_COLUMNS + 1)}\n`), /longer/],
      [Buffer.alloc(SCREEN_MAX_BYTES + 1, 'x'), /bytes/],
    ];
    for (const [given, why] of refused) assert.throws(() => parseScreen(given), why);
  });
});
