/**
 * Screens of real boots, read exactly: as the hardware model reports their text where it can, and as the installer's own
 * templates have it where it draws letters itself (test/fixtures/screens).
 */
import assert from 'node:assert/strict';
import { foldText } from '../../../src/workshop/screen/fold.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';
import type { ScreenText } from '../../../src/workshop/screen/types.ts';
import { needPackages } from '../../support/grub.ts';
import {
  hasVgaBios,
  installerQuestion,
  screenFixture,
  VGA_BIOS,
  type ScreenFixture,
} from '../../support/screen-fixtures.ts';
import { skip } from '../../support/skip.ts';

async function readFixture(
  context: Mocha.Context,
  name: string,
): Promise<{ fixture: ScreenFixture; screen: ScreenText }> {
  const fixture = await screenFixture(name);
  if (fixture.font === 'vgabios' && !hasVgaBios()) skip(context, `${VGA_BIOS} missing (Debian: seabios)`);
  if (fixture.font !== 'vgabios') await needPackages(context);
  const screen = createEyes(await fixture.fonts()).read({
    ...fixture,
    sequence: 1,
    capturedAtMs: 0,
  });
  assert.deepEqual([screen.columns, screen.rows], [fixture.columns, fixture.rows]);
  return { fixture, screen };
}

/** Without what is drawn around them and how they are broken into lines. */
const words = (text: string): string => text.replace(/[^\p{L}\p{N}.,:?]+/gu, ' ');

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

  const dialogs = [
    ['installer-language', 'localechooser/languagelist', 'English English'],
    ['installer-location', 'localechooser/text/country/2', 'Zambia'],
  ] as const;
  for (const [name, template, chosen] of dialogs) {
    it(`${name} reads as it did, and says what the installer’s own template ${template} says`, async function () {
      const { fixture, screen } = await readFixture(this, name);
      assert.deepEqual(trimmed(screen.lines), trimmed(fixture.lines));
      assert.equal(screen.unknownCells, 0);
      const shown = words(trimmed(screen.lines).join(' '));
      const question = words(await installerQuestion(template));
      assert.ok(question.length > 50, question);
      assert.ok(shown.includes(question), `${shown}\n${question}`);
      const highlighted = screen.lines
        .filter((_, row) => isHighlightedRow(screen, row))
        .map((line) => words(line).trim());
      assert.deepEqual(highlighted, [chosen]);
    });
  }

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
