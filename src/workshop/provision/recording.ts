/**
 * From what a person did at a machine to steps: each input with the screens before and after it becomes an act, and
 * each act is confirmed by what the screen then said that it had not said before (harvest.ts). Pure.
 *
 * What was typed where the screen showed nothing of it (or dots) may be a secret. It never becomes text: its place is a
 * placeholder, `{{hidden_1}}`, and whoever made the recording is asked what the recipe is to type there.
 */
import { durationMs } from '../../recipe/duration.ts';
import { DEFAULT_TIMEOUT_MS } from '../../recipe/limits.ts';
import type { Act, Condition, Recipe, Step } from '../../recipe/types.ts';
import type { ScreenText } from '../screen/types.ts';
import type { TextReader } from './conditions.ts';
import { freshSpots } from './freshness.ts';
import {
  harvest,
  harvestGone,
  harvestHighlight,
  highlightedIn,
  promptOf,
  type Harvested,
  type Sighting,
} from './harvest.ts';
import { RECORDED_PATIENCE } from './limits.ts';

/** One character that was typed, or a key (or chord) by its name in recipes. */
export type Input = { readonly char: string } | { readonly key: string };

export interface RecordedInput {
  readonly input: Input;
  /** The last screen before it went out. */
  readonly before: ScreenText;
  /** What was seen after it and before the next one. */
  readonly seen: readonly Sighting[];
  /** The person wants to come back to the state that it led to. */
  readonly checkpoint?: boolean;
}

export interface Recording {
  /** What was seen before the first input. */
  readonly start: readonly Sighting[];
  readonly inputs: readonly RecordedInput[];
  /** True where the machine was switched off after the last input. */
  readonly off: boolean;
}

/** A place where something was typed that the screen did not show. */
export interface Hidden {
  /** Of its placeholder. */
  readonly name: string;
  readonly step: string;
  readonly characters: number;
}

export interface Recorded {
  readonly steps: readonly Step[];
  readonly hidden: readonly Hidden[];
  /** Ids of steps that nothing telling confirms. */
  readonly unconfirmed: readonly string[];
  /** Keys after which the screen stayed as it was, before another one was pressed. */
  readonly unanswered: readonly { readonly step: string; readonly key: string }[];
}

export interface RecordingOptions {
  readonly reader: TextReader;
  /** Ids that are taken. */
  readonly ids: Iterable<string>;
  /** How much slower than the reference this host runs a guest: times that are recorded are divided by it. */
  readonly hostFactor: number;
  /** What a step is given where it does not say, milliseconds. */
  readonly defaultTimeoutMs: number;
  /** What was typed comes from a file, and not from a person: of what the screen did not show nothing is hidden. */
  readonly published?: boolean;
}

/** For steps that are to stand in this recipe. */
export function recordingFor(recipe: Recipe, reader: TextReader, hostFactor: number): RecordingOptions {
  const { timeout } = recipe.defaults ?? {};
  const defaultTimeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(timeout);
  return { reader, ids: idsOf(recipe), hostFactor, defaultTimeoutMs };
}

/** Every id that a recipe uses. */
export function idsOf({ steps, personalise = [], watch = [] }: Recipe): string[] {
  return [...steps, ...personalise, ...watch].map(({ id }) => id);
}

/** As much as was needed, several times, in whole half minutes of the reference machine. */
export function patience(neededMs: number, hostFactor: number): string {
  return `${Math.ceil(((neededMs / hostFactor) * RECORDED_PATIENCE) / 30_000) * 30}s`;
}

export function recordedSteps(recording: Recording, options: RecordingOptions): Recorded {
  const { reader } = options;
  const ids = new Set(options.ids);
  const steps: Step[] = [];
  const hidden: Hidden[] = [];
  const unconfirmed: string[] = [];
  const unanswered: { readonly step: string; readonly key: string }[] = [];
  let acts: Act[] = [];
  let checkpoint = false;
  let pendingHidden: { readonly name: string; readonly characters: number }[] = [];
  let pendingKeys: string[] = [];

  function close(confirmation: Condition, words: string): void {
    const id = freshId(words, ids);
    const when = steps.length === 0 ? begins() : undefined;
    steps.push({
      id,
      ...(when && { when }),
      do: acts,
      expect: confirmation,
      ...(checkpoint && { checkpoint }),
    });
    hidden.push(...pendingHidden.map((one) => ({ ...one, step: id })));
    unanswered.push(...pendingKeys.map((key) => ({ step: id, key })));
    [acts, checkpoint, pendingHidden, pendingKeys] = [[], false, [], []];
  }

  /** The prompt that was typed at: a firmware's messages above it were there before anybody asked. */
  function begins(): Condition | undefined {
    return strokes[0]?.prompt ?? harvest({ reader, before: null, seen: recording.start })[0]?.condition;
  }

  const played = strokesOf(recording.inputs, options);
  // What comes from a file was meant, seen or not.
  const strokes = recording.off || options.published === true ? played : withoutVainEnd(played);
  for (const [index, stroke] of strokes.entries()) {
    const last = index === strokes.length - 1;
    if (stroke.hidden !== undefined) {
      const name = `hidden_${hidden.length + pendingHidden.length + 1}`;
      pendingHidden.push({ name, characters: stroke.hidden });
      acts = [...acts, { type: `{{${name}}}`, echo: false }];
    } else acts = [...acts, ...stroke.acts];
    if (!last && stroke.kind === 'key' && stroke.key !== undefined && isVain(stroke)) pendingKeys.push(stroke.key);
    checkpoint ||= stroke.checkpoint;
    if (last && recording.off) close({ event: 'shutdown' }, 'shutdown');
    else if (stroke.kind !== 'text' || last) {
      const found = confirming(stroke, acts, reader);
      if (found !== undefined) close(patient(found, options), found.text);
      else if (last) {
        close({ changed: true }, 'last');
        unconfirmed.push(steps.at(-1)?.id ?? '');
      }
    }
  }
  return { steps, hidden, unconfirmed, unanswered };
}

/** Something new; for keys that move about the highlight; else what is gone. */
function confirming(stroke: Stroke, acts: readonly Act[], reader: TextReader): Harvested | undefined {
  const request = { reader, before: stroke.beforeLast, seen: stroke.seen, sent: { do: acts } };
  const [best] = harvest(request);
  if (best !== undefined) return best;
  const [highlight] = stroke.kind === 'navigation' ? harvestHighlight(request) : [];
  return highlight ?? harvestGone(request)[0];
}

/** A wait that was long is given several times that, as the reference machine counts. */
function patient({ condition, afterMs }: Harvested, options: RecordingOptions): Condition {
  const needed = (afterMs / options.hostFactor) * RECORDED_PATIENCE;
  if (needed <= options.defaultTimeoutMs) return condition;
  return { ...condition, timeout: patience(afterMs, options.hostFactor) };
}

interface Stroke {
  /** `text` never ends a step by itself: what is typed is sent by the key after it. */
  readonly kind: 'text' | 'key' | 'navigation';
  readonly acts: readonly Act[];
  /** Its name, where it is one that has one. */
  readonly key?: string;
  /** What stood before the text in its row. */
  readonly prompt?: Condition | undefined;
  /** Characters typed that the screen did not show. */
  readonly hidden?: number;
  /** The last screen before the first of its inputs, and before the last. */
  readonly before: ScreenText;
  readonly beforeLast: ScreenText;
  readonly seen: readonly Sighting[];
  readonly checkpoint: boolean;
}

const NAVIGATION: ReadonlySet<string> = new Set('up down left right home end pageup pagedown tab shift-tab'.split(' '));

type Reading = Pick<RecordingOptions, 'reader' | 'published'>;

function strokesOf(inputs: readonly RecordedInput[], options: Reading): Stroke[] {
  const strokes: Stroke[] = [];
  let run: RecordedInput[] = [];
  const endRun = (): void => {
    for (const part of runsOf(run)) strokes.push(...textStroke(part, options));
    run = [];
  };
  for (const one of inputs) {
    if ('char' in one.input || (one.input.key === 'backspace' && textOfRun(run) !== '')) {
      run.push(one);
      continue;
    }
    endRun();
    const { key } = one.input;
    const act: Act = { key };
    strokes.push({
      kind: NAVIGATION.has(key) ? 'navigation' : 'key',
      acts: [act],
      key,
      before: one.before,
      beforeLast: one.before,
      seen: one.seen,
      checkpoint: one.checkpoint === true,
    });
  }
  endRun();
  return withMenus(strokes);
}

/** A character that changed much of the screen was a command: what follows is typed elsewhere. */
function runsOf(run: readonly RecordedInput[]): RecordedInput[][] {
  const runs: RecordedInput[][] = [];
  let current: RecordedInput[] = [];
  for (const [index, one] of run.entries()) {
    current.push(one);
    const next = run[index + 1];
    if (next !== undefined && changedCells(one.before, next.before) <= echoCells(1)) continue;
    runs.push(current);
    current = [];
  }
  return runs;
}

function textStroke(run: readonly RecordedInput[], { reader, published }: Reading): Stroke[] {
  const first = run[0];
  const last = run.at(-1);
  const text = textOfRun(run);
  if (first === undefined || last === undefined || text === '') return [];
  const after = last.seen.at(-1)?.screen ?? last.before;
  const checkpoint = run.some((one) => one.checkpoint === true);
  const shared = { before: first.before, beforeLast: last.before, seen: last.seen, checkpoint };
  if (isEchoed(text, first.before, after, reader)) {
    const head = text.trim().slice(0, ECHO_TAIL);
    const prompt = promptOf(head, { reader, before: first.before, after });
    return [{ kind: 'text', acts: [{ type: text }], prompt, ...shared }];
  }
  if (run.length === 1 && isCommand(text, first.before, after))
    return [{ kind: 'key', acts: [commandKey(text)], ...shared }];
  if (published === true) return [{ kind: 'text', acts: [{ type: text, echo: false }], ...shared }];
  return [{ kind: 'text', acts: [], hidden: text.length, ...shared }];
}

function textOfRun(run: readonly RecordedInput[]): string {
  let text = '';
  for (const { input } of run) text = 'char' in input ? text + input.char : text.slice(0, -1);
  return text;
}

/** The end of it stands where it did not; of a very short text, with nothing else changed. */
function isEchoed(text: string, before: ScreenText, after: ScreenText, reader: TextReader): boolean {
  const wanted = text.trim().slice(-ECHO_TAIL);
  if (wanted === '') return false;
  const spots = reader.find(after, wanted);
  if (freshSpots(before, reader.find(before, wanted), after, spots).length === 0) return false;
  return wanted.length >= SHORT_TEXT || changedCells(before, after) <= echoCells(text.length);
}

/** One key that did something other than show a character or a dot for one. */
function isCommand(char: string, before: ScreenText, after: ScreenText): boolean {
  const changed = changedCells(before, after);
  if (changed > echoCells(1)) return true;
  // A blank that marks a box, or presses a button.
  return char === ' ' && changed > 0 && !showsDots(before, after);
}

function showsDots(before: ScreenText, after: ScreenText): boolean {
  return after.lines.some((line, row) =>
    Array.from(line).some((char, column) => char !== before.lines[row]?.charAt(column) && /[*•●·x]/u.test(char)),
  );
}

function commandKey(char: string): Act {
  if (char === ' ') return { key: 'space' };
  if (/[a-z0-9]/.test(char)) return { key: char };
  return /[A-Z]/.test(char) ? { key: `shift-${char.toLowerCase()}` } : { type: char, echo: false };
}

/** Characters of a field's end by which its echo is found: a field that scrolls shows no more. */
const ECHO_TAIL = 12;
/** Shorter texts are found on almost any screen. */
const SHORT_TEXT = 3;

/** Cells that may change where `characters` are typed: they, the cursor, and a count or two beside. */
function echoCells(characters: number): number {
  return 2 * characters + 4;
}

function changedCells(before: ScreenText, after: ScreenText): number {
  if (before.columns !== after.columns || before.rows !== after.rows) return Infinity;
  let changed = 0;
  for (const [row, line] of after.lines.entries()) {
    const old = before.lines[row] ?? '';
    if (old === line) continue;
    for (let column = 0; column < line.length; column += 1) if (line[column] !== old[column]) changed += 1;
  }
  return changed;
}

/** Arrow keys and Enter on a list are the choice of what was highlighted in the end. */
function withMenus(strokes: readonly Stroke[]): Stroke[] {
  const result: Stroke[] = [];
  for (const stroke of strokes) {
    const act = stroke.acts[0];
    const arrows = act !== undefined && 'key' in act && act.key === 'enter' ? trailingArrows(result) : [];
    const first = arrows[0];
    const entry = first === undefined ? undefined : entryChosen(first.before, stroke.before);
    if (first === undefined || entry === undefined) {
      result.push(stroke);
      continue;
    }
    result.splice(result.length - arrows.length);
    const checkpoint = stroke.checkpoint || arrows.some((one) => one.checkpoint);
    result.push({ ...stroke, acts: [{ menu: entry }], before: first.before, checkpoint });
  }
  return result;
}

function trailingArrows(strokes: readonly Stroke[]): readonly Stroke[] {
  let from = strokes.length;
  for (; from > 0; from -= 1) {
    const act = strokes[from - 1]?.acts[0];
    if (act === undefined || !('key' in act) || (act.key !== 'up' && act.key !== 'down')) break;
  }
  return strokes.slice(from);
}

function entryChosen(before: ScreenText, at: ScreenText): string | undefined {
  const entry = highlightedEntry(at);
  if (entry === undefined || entry === highlightedEntry(before)) return undefined;
  return entry.includes('{{') ? undefined : entry;
}

/** Of several columns the first names the entry. Buttons are no entries. */
function highlightedEntry(screen: ScreenText): string | undefined {
  const texts = screen.lines
    .map((_, row) => highlightedIn(screen, row))
    .filter((text) => text !== '' && !/^<.*>$/.test(text));
  return texts[0]?.split(/\s{2,}/)[0];
}

/** What was pressed at the end and changed nothing was in vain. What was typed unseen may have been meant. */
function withoutVainEnd(strokes: readonly Stroke[]): readonly Stroke[] {
  const kept = strokes.findLastIndex((stroke) => stroke.hidden !== undefined || !isVain(stroke));
  return strokes.slice(0, kept + 1);
}

function isVain({ before, seen }: Stroke): boolean {
  return changedCells(before, seen.at(-1)?.screen ?? before) === 0;
}

/** `Select your location` becomes `select-your-location`. */
export function freshId(words: string, taken: Set<string>): string {
  const parts = words
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .slice(0, ID_WORDS);
  while (parts[0] !== undefined && !/^[a-z]/.test(parts[0])) parts.shift();
  const base = parts.join('-').slice(0, ID_CHARACTERS).replace(/-+$/, '') || 'step';
  let id = base;
  for (let count = 2; taken.has(id); count += 1) id = `${base}-${count}`;
  taken.add(id);
  return id;
}

const ID_WORDS = 4;
const ID_CHARACTERS = 40;

/** The steps with a public text in each hidden place, by its name. A place without one is left out. */
export function withHidden(steps: readonly Step[], texts: ReadonlyMap<string, string>): Step[] {
  return steps.map((step) => ({ ...step, ...(step.do && { do: step.do.flatMap((act) => filledIn(act, texts)) }) }));
}

function filledIn(act: Act, texts: ReadonlyMap<string, string>): Act[] {
  const name = 'type' in act ? /^\{\{(hidden_\d+)\}\}$/.exec(act.type)?.[1] : undefined;
  if (name === undefined) return [act];
  const text = texts.get(name);
  return text === undefined ? [] : [{ type: text, echo: false }];
}
