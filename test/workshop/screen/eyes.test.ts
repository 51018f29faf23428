import assert from 'node:assert/strict';
import { createEyes } from '../../../src/workshop/screen/eyes.ts';
import type { Font } from '../../../src/workshop/screen/types.ts';
import { seeded } from '../../support/random.ts';
import { madeUpFont, paint } from './painted.ts';

const PRINTABLE = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));

function randomLines(rows: number, columns: number, random: () => number): string[] {
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => PRINTABLE[Math.floor(random() * PRINTABLE.length)]).join(''),
  );
}

describe('eyes', () => {
  const font = madeUpFont();

  it('read 8000 random cells in random colours without one mistake', () => {
    const random = seeded(42);
    const lines = randomLines(50, 160, random);
    const palette = Array.from({ length: 8000 }, () => ({
      foreground: Math.floor(random() * 0x7fffff) * 2,
      background: Math.floor(random() * 0x7fffff) * 2 + 1,
    }));
    const colours = (row: number, column: number) => palette[row * 160 + column]!;
    const screen = createEyes([font]).read(paint({ lines, font, colours }));
    assert.deepEqual(screen.lines, lines);
    assert.equal(screen.unknownCells, 0);
    assert.equal(screen.font, 'made-up');
    for (const [row, column] of [
      [0, 0],
      [7, 93],
      [49, 159],
    ] as const) {
      const cell = screen.cell(row, column);
      if (cell.char === ' ') continue;
      assert.deepEqual(cell, { char: lines[row]?.[column], ...colours(row, column) });
    }
  });

  it('read VGA text mode, whose cells are nine pixels wide', () => {
    const lines = randomLines(25, 80, seeded(2));
    const screen = createEyes([font]).read(paint({ lines, font, cellWidth: 9 }));
    assert.equal(screen.columns, 80);
    assert.deepEqual(screen.lines, lines);
  });

  it('find out by themselves which height of font a screen is written in', () => {
    const small = madeUpFont({ seed: 9, height: 8, name: 'small' });
    const lines = randomLines(50, 80, seeded(3));
    const screen = createEyes([font, small]).read(paint({ lines, font: small }));
    assert.deepEqual(screen.lines, lines);
    assert.equal(screen.font, 'small');
  });

  it('see through an underline cursor, over a character and over a blank', () => {
    const lines = ['login: root', 'password:  '];
    const eyes = createEyes([font]);
    const over = eyes.read(paint({ lines, font, cursor: { row: 0, column: 8 } }));
    assert.deepEqual(over.lines, lines);
    assert.equal(over.unknownCells, 0);
    assert.deepEqual(over.cursor, { row: 0, column: 8 });
    const blank = eyes.read(paint({ lines, font, cursor: { row: 1, column: 10 } }));
    assert.deepEqual(blank.lines, lines);
    assert.deepEqual(blank.cursor, { row: 1, column: 10 });
  });

  it('report a cell that is in no font as unknown, and guess nothing', () => {
    const lesser: Font = { ...font, glyphs: font.glyphs.filter(({ codePoint }) => codePoint !== 0x71) };
    const screen = createEyes([lesser]).read(paint({ lines: ['quiet quest'], font }));
    assert.equal(screen.lines[0], '\ufffduiet \ufffduest');
    assert.equal(screen.unknownCells, 2);
  });

  it('read nothing at all before a font was learned, and everything after', () => {
    const eyes = createEyes();
    const frame = paint({ lines: ['hello'], font });
    assert.equal(eyes.read(frame).unknownCells, 5);
    eyes.learn(font);
    assert.equal(eyes.read(frame).lines[0], 'hello');
  });

  it('take the ASCII letter of two that look alike', () => {
    const a = font.glyphs.find(({ codePoint }) => codePoint === 0x61)!;
    const withCyrillic: Font = { ...font, glyphs: [{ ...a, codePoint: 0x430 }, ...font.glyphs] };
    assert.equal(createEyes([withCyrillic]).read(paint({ lines: ['banana'], font })).lines[0], 'banana');
  });

  it('let the font decide that reads most of the screen, where two fonts give one bitmap different names', () => {
    const other = madeUpFont({ seed: 5, name: 'other' });
    const shared = font.glyphs.find(({ codePoint }) => codePoint === 0x61)!;
    const clashing: Font = {
      ...other,
      glyphs: other.glyphs.map((glyph) => (glyph.codePoint === 0x62 ? { ...shared, codePoint: 0x62 } : glyph)),
    };
    const eyes = createEyes([font, clashing]);
    const screen = eyes.read(paint({ lines: ['crab'], font: clashing }));
    assert.equal(screen.lines[0], 'crab');
    assert.equal(screen.font, 'other');
    assert.equal(eyes.read(paint({ lines: ['crab'], font })).lines[0], 'crab');
  });

  it('read double-width characters, each followed by a space', () => {
    const random = seeded(8);
    const wide = {
      codePoint: 0x4e2d,
      width: 16,
      rows: Array.from({ length: 16 }, () => 1 + Math.floor(random() * 65534)),
    };
    const asian: Font = { ...font, glyphs: [...font.glyphs, wide] };
    const screen = createEyes([asian]).read(paint({ lines: ['a中 b'], font: asian }));
    assert.equal(screen.lines[0], 'a中 b');
    assert.equal(screen.unknownCells, 0);
  });

  it('give new times to a picture that has not changed, and the same text', () => {
    const eyes = createEyes([font]);
    const frame = paint({ lines: ['still'], font });
    eyes.read(frame);
    const later = eyes.read({ ...frame, sequence: 1, capturedAtMs: 77 });
    assert.equal(later.lines[0], 'still');
    assert.equal(later.capturedAtMs, 77);
  });

  it('refuse a cell that is not on the screen', () => {
    const screen = createEyes([font]).read(paint({ lines: ['abc'], font }));
    assert.throws(() => screen.cell(1, 0), RangeError);
    assert.throws(() => screen.cell(0, 3), RangeError);
  });
});

describe('a highlight', () => {
  const font = madeUpFont();
  const read = (
    lines: string[],
    colours: (row: number, column: number) => { foreground: number; background: number },
  ) => createEyes([font]).read(paint({ lines, font, colours }));

  it('is the row in swapped colours, as GRUB draws it', () => {
    const lines = [' header ', '*first  ', ' second ', ' third  '];
    const screen = read(lines, (row) =>
      row === 1 ? { foreground: 0, background: 0xaaaaaa } : { foreground: 0xaaaaaa, background: 0 },
    );
    assert.deepEqual(
      lines.map((_, row) => screen.isHighlighted(row, 2)),
      [false, true, false, false],
    );
    assert.equal(screen.lines[1], '*first  ');
  });

  it('is the bar of another colour in a dialog that covers less than half of the screen', () => {
    const blank = ' '.repeat(30);
    const lines = [
      blank,
      '      Choose one:             ',
      '      Yes                     ',
      '      No                      ',
      '      Maybe                   ',
      blank,
    ];
    const screen = read(lines, (row, column) => {
      const inDialog = row >= 1 && row <= 4 && column >= 5 && column < 17;
      if (row === 3 && inDialog) return { foreground: 0xffffff, background: 0xaa0000 };
      return inDialog ? { foreground: 0, background: 0xcccccc } : { foreground: 0xffffff, background: 0x0000aa };
    });
    const highlighted = lines.map((_, row) => screen.isHighlighted(row, 7));
    assert.deepEqual(highlighted, [false, false, false, true, false, false]);
    assert.equal(screen.isHighlighted(3, 1), false, 'the margin beside it is not');
  });
});
