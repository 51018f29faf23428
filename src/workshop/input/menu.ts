/**
 * Choosing from a list on the screen: find the entry, move the highlight to it with the arrow keys, verify that the
 * highlighted row is that entry, and only then press Enter. How the highlight looks is not known beforehand: it is
 * what isHighlighted says, and it must move when an arrow key is pressed.
 */
import { FailedError } from '../../errors.ts';
import { foldBlanks, foldText } from '../screen/fold.ts';
import type { ScreenText } from '../screen/types.ts';
import { keyEvents } from './keyboard.ts';
import { CHECKBOX_KEYS, ECHO_SETTLE_MS, MENU_KEYS } from './limits.ts';
import { watchFor, wholeScreen } from './watch.ts';
import type { Bench } from './watch.ts';

export interface MenuOptions extends Bench {
  /** The entry's text as it stands on the screen, or one of its columns (`English` of `English  -  English`). */
  readonly entry: string;
}

/**
 * Throws `input/no-menu` where nothing on the screen is highlighted, `input/no-such-entry` (with the entries that were seen)
 * where the list does not have it, `input/menu-stuck` where the highlight does not move.
 */
export async function chooseFromMenu(options: MenuOptions): Promise<void> {
  await highlightEntry(options);
  await options.machine.sendKeys(keyEvents('enter'), options.signal);
}

/**
 * Ticks or unticks the entry's checkbox (`[ ]`, `[*]`), with the space bar, unless it is as wanted already. Throws as
 * `chooseFromMenu`, `input/no-checkbox` where the entry has none, and `input/checkbox-stuck` where it does not change.
 */
export async function tickInMenu(options: MenuOptions & { readonly ticked: boolean }): Promise<void> {
  const { machine, entry, ticked, signal } = options;
  let screen = await highlightEntry(options);
  for (let keys = 0; keys <= CHECKBOX_KEYS; keys++) {
    const mark = markOf(screen);
    if (mark === null) throw noCheckbox(entry);
    if (mark === ticked) {
      // A slow guest may still have a key to act upon.
      const later = await watchFor(options, SURE_MS, wholeScreen, (now) => (markOf(now) === mark ? null : true));
      if (later.value === null) return;
      screen = later.screen;
      continue;
    }
    await machine.sendKeys(keyEvents('space'), signal);
    ({ screen } = await watchFor(options, ECHO_SETTLE_MS, wholeScreen, (now) =>
      markOf(now) === ticked ? true : null,
    ));
  }
  throw new FailedError(
    'input/checkbox-stuck',
    `the checkbox of "${entry}" does not stay ${ticked ? 'ticked' : 'unticked'}`,
    {
      facts: { entry },
    },
  );
}

/** Is the highlighted entry's checkbox ticked? Null where it has none. */
function markOf(screen: ScreenText): boolean | null {
  const bar = highlightedRow(screen);
  if (bar === null) return null;
  const line = screen.lines[bar.row] ?? '';
  const [, mark] = /^\[(.)\]/.exec(bar.text) ?? /\[(.)\]\s?$/.exec(line.slice(0, bar.column)) ?? [];
  return mark === undefined ? null : mark !== ' ' && mark !== '_';
}

/** Moves the highlight to the entry, and gives the screen on which it surely is. */
async function highlightEntry(options: MenuOptions): Promise<ScreenText> {
  const { machine, entry, signal } = options;
  const seen = new Set<string>();
  let screen = await drawn(options);
  let direction: 'up' | 'down' = directionTo(screen, entry);
  let stalls = 0;
  let turns = 0;
  for (let keys = 0; keys < MENU_KEYS; keys++) {
    const bar = highlightedRow(screen);
    if (bar !== null) seen.add(bar.text);
    const before = highlights(screen);
    if (bar !== null && isEntry(bar.text, entry)) {
      // A guest that is slow may still have an arrow key to act upon: Enter would then choose the entry beside this one.
      const later = await watchFor(options, SURE_MS, highlights, (now) => (highlights(now) === before ? null : true));
      screen = later.screen;
      if (later.value !== null) continue;
      return screen;
    }
    await machine.sendKeys(keyEvents(direction), signal);
    // The highlight moves, or a list that scrolls shows other text under it.
    const moved = await watchFor(options, ECHO_SETTLE_MS, highlights, (now) =>
      highlights(now) === before ? null : now,
    );
    screen = moved.value === null ? moved.screen : await settled(options);
    if (moved.value !== null) {
      stalls = 0;
      // Once in sight, the entry decides where to go; before that, on to the end and back.
      if (isVisible(screen, entry)) direction = directionTo(screen, entry);
      continue;
    }
    if (bar === null) throw noMenu(entry);
    // A key may have been lost; twice in a row it is the end of the list.
    if (++stalls < 2) continue;
    if (++turns > 2) break;
    stalls = 0;
    direction = direction === 'down' ? 'up' : 'down';
  }
  if (seen.size < 2) throw stuck(entry, [...seen]);
  throw noSuchEntry(entry, [...seen]);
}

/** The list with its highlight. It may still be drawn when its title is there: a key pressed before that acts unseen. */
async function drawn(options: MenuOptions): Promise<ScreenText> {
  await watchFor(options, DRAWN_MS, wholeScreen, (now) => highlightedRow(now));
  const { screen } = await watchFor(options, SURE_MS, highlights, () => null);
  return screen;
}

/** A dialog is redrawn row by row: the old highlight may be gone before the new one is there. */
async function settled(options: MenuOptions): Promise<ScreenText> {
  const { screen } = await watchFor(options, REDRAW_MS, highlights, () => null);
  return screen;
}

/** Milliseconds without a change after which a menu's redraw is taken to be done. */
const REDRAW_MS = 30;
/** The same before Enter is pressed, where being wrong would choose something else. */
const SURE_MS = 200;
/** Milliseconds that a still screen is given to show a highlight at all. */
const DRAWN_MS = 1_000;

interface Bar {
  readonly row: number;
  /** Of its first visible character. */
  readonly column: number;
  /** The highlighted text, without the blanks around it. */
  readonly text: string;
}

/** Every run of highlighted cells that says something, from the top. */
function bars(screen: ScreenText): Bar[] {
  const found: Bar[] = [];
  for (let row = 0; row < screen.rows; row++) {
    let text = '';
    for (let column = 0; column <= screen.columns; column++) {
      if (column < screen.columns && screen.isHighlighted(row, column)) {
        text += screen.lines[row]?.charAt(column) ?? '';
        continue;
      }
      if (foldBlanks(text) !== '') {
        const lead = text.length - text.trimStart().length;
        found.push({ row, column: column - text.length + lead, text: text.trim() });
      }
      text = '';
    }
  }
  return found;
}

/** The bar that the arrow keys move: of several, the first that is no button. */
function highlightedRow(screen: ScreenText): Bar | null {
  const all = bars(screen);
  return all.find(({ text }) => !/^<.*>$/.test(text)) ?? all[0] ?? null;
}

/** What is highlighted and where, as one string to compare. */
function highlights(screen: ScreenText): string {
  return bars(screen)
    .map(({ row, text }) => `${row}:${text}`)
    .join('\n');
}

/** The whole of the bar, or one of its parts between runs of two blanks or more; marks before it (`*`, `[ ]`) aside. */
function isEntry(barText: string, entry: string): boolean {
  const wanted = foldText(entry).trim();
  const bar = foldText(barText);
  return [bar, ...bar.split(/\s{2,}/)].some((part) => withoutMark(part) === withoutMark(wanted));
}

/** GRUB marks its choice with `*`, dialogs mark theirs with `[*]` or `(x)`. */
function withoutMark(text: string): string {
  return text.replace(/^(?:\*|\[.\]|\(.\))\s*/, '').trim();
}

function rowsOf(screen: ScreenText, entry: string): number[] {
  const parts = (line: string) =>
    foldText(line)
      .split(/[\u2500-\u259f▮]|\s{2,}/)
      .map((part) => withoutMark(part.trim()));
  const wanted = withoutMark(foldText(entry).trim());
  return screen.lines.flatMap((line, row) => (parts(line).includes(wanted) ? [row] : []));
}

function isVisible(screen: ScreenText, entry: string): boolean {
  return rowsOf(screen, entry).length > 0;
}

function directionTo(screen: ScreenText, entry: string): 'up' | 'down' {
  const bar = highlightedRow(screen);
  const rows = rowsOf(screen, entry);
  return bar !== null && rows.length > 0 && rows.every((row) => row < bar.row) ? 'up' : 'down';
}

function noCheckbox(entry: string): FailedError {
  return new FailedError('input/no-checkbox', `the entry "${entry}" has no checkbox to tick`, {
    facts: { entry },
    hint: 'use `menu` for an entry that is chosen',
  });
}

function noMenu(entry: string): FailedError {
  return new FailedError('input/no-menu', `nothing is highlighted on the screen: no list to choose "${entry}" from`, {
    hint: 'wait for the list with `when` first',
  });
}

function stuck(entry: string, seen: string[]): FailedError {
  return new FailedError('input/menu-stuck', `the highlight does not move from "${seen[0] ?? ''}" to "${entry}"`, {
    facts: { entry, seen },
    hint: 'is the list the part of the dialog that has the focus?',
  });
}

function noSuchEntry(entry: string, seen: string[]): FailedError {
  const named = seen.slice(0, NAMED_ENTRIES).map((one) => `"${one.replaceAll(/\s+/g, ' ')}"`);
  const more = seen.length > NAMED_ENTRIES ? ` and ${seen.length - NAMED_ENTRIES} more` : '';
  return new FailedError('input/no-such-entry', `the list has no entry "${entry}"; it has ${named.join(', ')}${more}`, {
    facts: { entry, seen },
  });
}

/** Entries that a message names; the facts have them all. */
const NAMED_ENTRIES = 12;
