import assert from 'node:assert/strict';
import { boxedScreen, harmless } from '../../../src/cli/repair/boxed-screen.ts';
import type { ScreenText } from '../../../src/workshop/screen/types.ts';

function screen(lines: readonly string[], columns = 160): ScreenText {
  return {
    columns,
    cellWidth: 8,
    cellHeight: 16,
    rows: lines.length,
    lines: lines.map((line) => line.padEnd(columns)),
    cell: () => ({ char: ' ', foreground: 0, background: 0 }),
    isHighlighted: () => false,
    unknownCells: 0,
    font: 'test',
    sequence: 1,
    capturedAtMs: 0,
  };
}

const box = (lines: readonly string[], marked: readonly number[] = [], maxRows = 24) =>
  boxedScreen(screen(lines), { columns: 80, maxRows, marked: new Set(marked) });

describe('a screen in a box', () => {
  it('leaves out the empty margins of a dialog', () => {
    assert.deepEqual(box(['', `${' '.repeat(60)}Choose`, `${' '.repeat(62)}Ok`, '']), [
      '   ┌────────┐',
      '   │ Choose │',
      '   │   Ok   │',
      '   └────────┘',
    ]);
  });

  it('fits 80 columns whatever the guest shows, and says where it cut', () => {
    const lines = box(['x'.repeat(160)]);
    assert.ok(lines.every((line) => line.length <= 80));
    assert.match(lines[1] ?? '', /x…/);
  });

  it('points at the rows that matter and keeps them in view', () => {
    const many = Array.from({ length: 50 }, (_, row) => `row ${row}`);
    const lines = box(many, [7], 10);
    assert.ok(lines.some((line) => line.startsWith(' ▸ │ row 7 ')));
    assert.equal(lines.filter((line) => line.includes('row')).length, 10);
    assert.equal(lines.filter((line) => line.includes('⋮')).length, 2);
  });

  it('says that a blank screen is blank', () => {
    assert.deepEqual(box(['', '']), ['   (the screen is blank)']);
  });

  it('lets no escape sequence of a guest through', () => {
    assert.equal(harmless('\u001b[31mred\u202eabc\u0007'), '·[31mred·abc·');
  });
});
