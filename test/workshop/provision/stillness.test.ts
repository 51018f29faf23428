import assert from 'node:assert/strict';
import type { Frame } from '../../../src/workshop/machine/types.ts';
import { screenChanged } from '../../../src/workshop/provision/stillness.ts';
import { COLUMNS, paperScreen, ROWS } from './paper-machine.ts';

/** A picture with 8 x 16 pixels a cell; a cell is painted in a grey that stands for its character. */
function picture(sequence: number, lines: readonly string[], cursor?: readonly [row: number, column: number]): Frame {
  const [width, height] = [COLUMNS * 8, ROWS * 16];
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [row, column] = [Math.floor(y / 16), Math.floor(x / 8)];
      const underlined = cursor !== undefined && cursor[0] === row && cursor[1] === column && y % 16 >= 14;
      rgb.fill(underlined ? 255 : (lines[row]?.charCodeAt(column) ?? 32), (y * width + x) * 3, (y * width + x) * 3 + 3);
    }
  }
  return { width, height, rgb, sequence, capturedAtMs: sequence };
}

const see = (sequence: number, lines: readonly string[], cursor?: readonly [number, number]) => {
  const padded = lines.map((line) => line.padEnd(COLUMNS));
  return { frame: picture(sequence, padded, cursor), screen: paperScreen(padded) };
};

describe('stillness', () => {
  it('ignores a cursor that blinks', () => {
    assert.equal(screenChanged(see(1, ['login: '], [0, 7]), see(2, ['login: '])), false);
    assert.equal(screenChanged(see(1, ['login: ']), see(2, ['login: '], [0, 7])), false);
  });

  it('ignores a cursor whose cell cannot be read, or is read as an underline or a block', () => {
    for (const char of ['\ufffd', '_', '\u2588']) {
      assert.equal(screenChanged(see(1, ['login: ']), see(2, [`login: ${char}`])), false, char);
    }
  });

  it('counts a digit that counts down, though it is one cell', () => {
    assert.equal(screenChanged(see(1, ['5 seconds']), see(2, ['4 seconds'])), true);
  });

  it('counts a cursor that moves', () => {
    assert.equal(screenChanged(see(1, ['a'], [0, 3]), see(2, ['a'], [1, 3])), true);
  });

  it('counts a change of size', () => {
    const small = see(1, ['a']);
    const other = { ...see(2, ['a']), frame: { ...small.frame, sequence: 2, width: 8, height: 16 } };
    assert.equal(screenChanged(small, other), true);
  });

  it('does not look at a frame that is the same', () => {
    assert.equal(screenChanged(see(1, ['a']), see(1, ['b'])), false);
  });
});
