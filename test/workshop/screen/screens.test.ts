/** Screens of real boots, read exactly: as the hardware model reports their text where it can (test/fixtures/screens). */
import assert from 'node:assert/strict';
import { foldText } from '../../../src/workshop/screen/fold.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';
import type { ScreenText } from '../../../src/workshop/screen/types.ts';
import { needBuilds } from '../../support/grub.ts';
import { hasVgaBios, screenFixture, VGA_BIOS, type ScreenFixture } from '../../support/screen-fixtures.ts';
import { skip } from '../../support/skip.ts';

async function readFixture(
  context: Mocha.Context,
  name: string,
): Promise<{ fixture: ScreenFixture; screen: ScreenText }> {
  const fixture = await screenFixture(name);
  if (fixture.font === 'vgabios' && !hasVgaBios()) skip(context, `${VGA_BIOS} missing (Debian: seabios)`);
  if (fixture.font !== 'vgabios') await needBuilds(context);
  const screen = createEyes(await fixture.fonts()).read({
    ...fixture,
    sequence: 1,
    capturedAtMs: 0,
  });
  assert.deepEqual([screen.columns, screen.rows], [fixture.columns, fixture.rows]);
  return { fixture, screen };
}

const trimmed = (lines: readonly string[]): string[] => lines.map((line) => foldText(line).trimEnd());

describe('screens of real boots', function () {
  this.timeout(240_000);

  for (const name of ['grub-menu', 'grub-editor', 'grub-shell', 'kernel-console']) {
    it(`${name} says what the adapter’s text memory says`, async function () {
      const { fixture, screen } = await readFixture(this, name);
      assert.equal(fixture.by, 'vga');
      assert.deepEqual(trimmed(screen.lines), trimmed(fixture.lines));
      assert.equal(screen.unknownCells, 0);
    });
  }

  it('kernel-framebuffer, in the kernel’s own font, says what the serial line says', async function () {
    const { fixture, screen } = await readFixture(this, 'kernel-framebuffer');
    assert.equal(fixture.by, 'serial');
    assert.ok(fixture.lines.length > 5);
    for (const line of fixture.lines) assert.ok(trimmed(screen.lines).includes(line), line);
    assert.equal(screen.unknownCells, 0);
  });

  it('grub-menu shows which entry is highlighted', async function () {
    const { screen } = await readFixture(this, 'grub-menu');
    const highlighted = screen.lines.filter((line, row) => line.trim() !== '' && isHighlightedRow(screen, row));
    assert.equal(highlighted.length, 1);
    assert.match(highlighted[0] ?? '', /\*GNU \(aka/);
  });
});

function isHighlightedRow(screen: ScreenText, row: number): boolean {
  const line = screen.lines[row] ?? '';
  const columns = Array.from(line, (char, column) => (char === ' ' ? -1 : column)).filter((column) => column >= 0);
  return columns.some((column) => screen.isHighlighted(row, column));
}
