/**
 * What to wait for, read off a screen: the most telling text that was not there before. Pure: screens in, conditions out,
 * best first. For whoever has seen a step succeed once and wants it confirmed from then on: a person who took over, a
 * recording, an import whose sleeps become checks.
 *
 * What is offered is judged as the engine will judge it: the text stands on the screen that was acted upon, it is new
 * since the last input (freshness.ts), and what the step types does not show it. Of those, texts are preferred that
 * came with the last change (what comes early shows before the work is done), stood still, stand on the screen once, and
 * hold words rather than numbers, which change from version to version and from day to day.
 */
import { matchesAnything } from '../../recipe/conditions.ts';
import { satisfiedByEcho } from '../../recipe/echo.ts';
import type { Condition, Step, TextPattern } from '../../recipe/types.ts';
import type { ScreenText } from '../screen/types.ts';
import type { TextReader } from './conditions.ts';
import { freshSpots } from './freshness.ts';
import {
  HARVEST_BURST_MS,
  HARVEST_CANDIDATES,
  HARVEST_LONGEST_CHARACTERS,
  HARVEST_SHORTEST_LETTERS,
  HARVEST_STABLE_MS,
} from './limits.ts';

/** A screen, and for how long it was like that. Times are `performance.now()` milliseconds. */
export interface Sighting {
  readonly screen: ScreenText;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface HarvestRequest {
  readonly reader: TextReader;
  /** The last screen before the last input; `null` where nothing has been sent: then all that stands there is new. */
  readonly before: ScreenText | null;
  /** What was seen since, oldest first. The last one is what was acted upon next. */
  readonly seen: readonly Sighting[];
  /** What was sent: its echo confirms nothing. */
  readonly sent?: Pick<Step, 'do'>;
}

export interface Harvested {
  readonly condition: Condition;
  /** For people: the text that decides. */
  readonly text: string;
  /** Row of the screen, from 0. */
  readonly row: number;
  /** Higher is better; comparable within one harvest only. */
  readonly score: number;
  /** Milliseconds from the first sighting until the text was there. */
  readonly afterMs: number;
}

/** Empty where the last screen says nothing new; then what is gone from it may tell (`harvestGone`). */
export function harvest(request: HarvestRequest): readonly Harvested[] {
  const last = request.seen.at(-1);
  const first = request.seen[0];
  if (last === undefined || first === undefined) return [];
  const { screen } = last;
  const found = new Map<string, Harvested>();
  for (const [row, line] of screen.lines.entries()) {
    for (const { text, penalty } of partsOf(line)) {
      if (found.has(text)) continue;
      const condition: Condition = { text };
      if (!isNew(text, screen, request) || !isTelling(condition, text, request)) continue;
      const sinceMs = since(text, request);
      const score = wordiness(text) - penalty + age(sinceMs, last) + uniqueness(text, screen, request.reader);
      found.set(text, { condition, text, row, score, afterMs: sinceMs - first.fromMs });
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score || b.row - a.row).slice(0, HARVEST_CANDIDATES);
}

/** A text that is highlighted now and was not before: what arrow keys change. */
export function harvestHighlight({ reader, before, seen }: HarvestRequest): readonly Harvested[] {
  const last = seen.at(-1);
  const first = seen[0];
  if (last === undefined || first === undefined) return [];
  const { screen } = last;
  return screen.lines.flatMap((line, row): Harvested[] => {
    const text = highlightedIn(screen, row);
    if (text === '' || text.length > HARVEST_LONGEST_CHARACTERS || line.trim() === '') return [];
    const pattern: TextPattern = { string: text, style: 'inverse' };
    const condition: Condition = { text: pattern };
    if (matchesAnything(condition) || reader.find(screen, pattern).length !== 1) return [];
    if (before !== null && reader.find(before, pattern).length > 0) return [];
    return [{ condition, text, row, score: wordiness(text), afterMs: last.fromMs - first.fromMs }];
  });
}

/** Texts that stood there before the last input and are gone: all that is left to tell where nothing new came. */
export function harvestGone({ reader, before, seen }: HarvestRequest): readonly Harvested[] {
  const last = seen.at(-1);
  const first = seen[0];
  if (last === undefined || first === undefined || before === null) return [];
  return before.lines
    .flatMap((line, row) =>
      partsOf(line).flatMap(({ text, penalty }): Harvested[] => {
        const was: Condition = { text };
        if (matchesAnything(was) || text.includes('{{') || letters(text) < HARVEST_SHORTEST_LETTERS) return [];
        if (reader.find(before, text).length === 0 || reader.find(last.screen, text).length > 0) return [];
        const gone = seen.find(({ screen }) => reader.find(screen, text).length === 0) ?? last;
        const score = wordiness(text) - penalty;
        return [{ condition: { gone: was }, text, row, score, afterMs: gone.fromMs - first.fromMs }];
      }),
    )
    .sort((a, b) => b.score - a.score)
    .slice(0, HARVEST_CANDIDATES);
}

/** What stands before typed text, in its row: that the guest asked for it. Undefined where the row begins with the text. */
export function promptOf(
  typed: string,
  { reader, before, after }: { readonly reader: TextReader; readonly before: ScreenText; readonly after: ScreenText },
): Condition | undefined {
  const spots = freshSpots(before, reader.find(before, typed), after, reader.find(after, typed));
  const [spot] = spots;
  if (spot === undefined) return undefined;
  const text = (after.lines[spot.row]?.slice(0, spot.column) ?? '').split(BETWEEN).at(-1)?.trim() ?? '';
  const condition: Condition = { text };
  if (letters(text) < HARVEST_SHORTEST_LETTERS || matchesAnything(condition) || text.includes('{{')) return undefined;
  return reader.find(before, text).length === 1 ? condition : undefined;
}

interface Part {
  readonly text: string;
  readonly penalty: number;
}

/** Frames and bars of dialogs, and runs of blanks, stand between the texts of one row; unknown cells end a text. */
const BETWEEN = /[\u2500-\u259f\ufffd]+|\s{2,}|(?<=^|\s)[|+]+(?=\s|$)/u;
/** A word with a digit in it: a version, a date, a count, a device. */
const NUMBER = /\S*\d\S*/u;
/** GRUB marks its choice with `*`, dialogs mark theirs with `[*]` or `(x)`, Debian's installer its titles with `[!!]`. */
const MARK = /^(?:\*|\[[^\w\]]{0,2}\]|\([ x]?\))\s+/u;
/** What stands around a text and says nothing: marks of a list, dots of a leader. */
const EDGES = /^[\s*<>[\]()|+.,;-]+|[\s*<[(|+,;-]+$/gu;

/** The texts of a row: whole ones first, then what is between their numbers. A whole one with numbers is a last resort. */
function partsOf(line: string): Part[] {
  return line.split(BETWEEN).flatMap((segment) => {
    const whole = segment.trim().replace(MARK, '');
    const plain = whole
      .split(NUMBER)
      .map((piece) => piece.replaceAll(EDGES, ''))
      .filter((piece) => letters(piece) >= HARVEST_SHORTEST_LETTERS && piece !== whole);
    const parts = plain.map((text) => ({ text: shortened(text), penalty: 0 }));
    if (whole === '') return parts;
    return [...parts, { text: shortened(whole), penalty: NUMBER.test(whole) ? NUMBER_PENALTY : 0 }];
  });
}

/** Long sentences are cut at a word: the beginning of one says as much, and wraps less often. */
function shortened(text: string): string {
  if (text.length <= HARVEST_LONGEST_CHARACTERS) return text;
  const cut = text.slice(0, HARVEST_LONGEST_CHARACTERS);
  return cut.slice(0, Math.max(cut.lastIndexOf(' '), HARVEST_LONGEST_CHARACTERS / 2)).trimEnd();
}

/** As the engine will ask after the same input: is there a place of it that was not there before? */
function isNew(
  text: string,
  screen: ScreenText,
  { reader, before }: Pick<HarvestRequest, 'reader' | 'before'>,
): boolean {
  const spots = reader.find(screen, text);
  if (spots.length === 0 || (before !== null && countsOn(text, before))) return false;
  return before === null || freshSpots(before, reader.find(before, text), screen, spots).length > 0;
}

/** A countdown or a clock that stood there before with other digits says nothing about what was sent. */
function countsOn(text: string, before: ScreenText): boolean {
  if (!/\d/.test(text)) return false;
  return before.lines.some((line) => digitsAlike(line).includes(digitsAlike(text)) && !line.includes(text));
}

/** The same for every number: what only counts is equal to itself. */
export function digitsAlike(text: string): string {
  return text.replaceAll(/\d+/g, '0');
}

function isTelling(condition: Condition, text: string, { sent }: HarvestRequest): boolean {
  // Braces would be read as a parameter.
  if (matchesAnything(condition) || text.includes('{{')) return false;
  // With the prompt before it, too: a text of the screen begins wherever its row does.
  return sent?.do === undefined || satisfiedByEcho({ id: 'sent', do: sent.do }, condition, true) === undefined;
}

/** When the text came, to stay until the end. */
function since(text: string, { reader, before, seen }: HarvestRequest): number {
  let sinceMs = seen.at(-1)?.fromMs ?? 0;
  for (const { screen, fromMs } of seen.toReversed()) {
    if (!isNew(text, screen, { reader, before })) break;
    sinceMs = fromMs;
  }
  return sinceMs;
}

/** What came with the last change says that the work is done; what stood still for a while is no counter. */
function age(sinceMs: number, last: Sighting): number {
  const conclusive = last.fromMs - sinceMs <= HARVEST_BURST_MS ? CONCLUSIVE : 0;
  const stable = last.untilMs - sinceMs >= HARVEST_STABLE_MS ? STABLE : 0;
  return conclusive + stable;
}

function uniqueness(text: string, screen: ScreenText, reader: TextReader): number {
  return reader.find(screen, text).length === 1 ? UNIQUE : 0;
}

/** How much a text says: letters, several words, a question; paths, shouting and half sentences less. */
function wordiness(text: string): number {
  const words = text.split(/\s+/u).filter((word) => /\p{L}{2,}/u.test(word)).length;
  const length = Math.min(letters(text), WORDY_LETTERS);
  const question = /[?:]$/u.test(text) ? QUESTION : 0;
  const path = /\/\S*\/|\S{25,}/u.test(text) ? NUMBER_PENALTY : 0;
  const unfinished = /(\.\.\.|…|%)$/u.test(text) ? UNFINISHED_PENALTY : 0;
  return length + Math.min(words, WORDY_WORDS) * 2 + question - path - unfinished;
}

function letters(text: string): number {
  return text.match(/\p{L}/gu)?.length ?? 0;
}

/** The highlighted text of a row, without the marks around it. */
export function highlightedIn(screen: ScreenText, row: number): string {
  const line = screen.lines[row] ?? '';
  const cells = Array.from(line, (char, column) => (screen.isHighlighted(row, column) ? char : '\u2502')).join('');
  const texts = cells
    .split(/\u2502+/u)
    .map((text) => text.trim().replace(/^(?:\*|\[.\]|\(.\))\s*/u, ''))
    .filter((text) => text !== '');
  return texts.length === 1 ? (texts[0] ?? '') : '';
}

/** Weights of the order among candidates. Being conclusive outweighs everything that a text itself can say. */
const CONCLUSIVE = 60;
const STABLE = 12;
const UNIQUE = 6;
const QUESTION = 5;
const WORDY_LETTERS = 28;
const WORDY_WORDS = 5;
const NUMBER_PENALTY = 25;
const UNFINISHED_PENALTY = 20;
