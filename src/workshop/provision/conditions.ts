/**
 * Is what a step waits for to be seen? A pure function of one observation.
 *
 * `fresh` asks for more than presence: a text must have appeared after the last input (freshness.ts says what that
 * means), a serial text must be in the bytes that came after it. `gone` and `not` look at everything that is there.
 */
import { stripVTControlCharacters } from 'node:util';
import { RE2JS } from 're2js';
import { ocrDistance, partsOf, textsMentioned } from '../../recipe/conditions.ts';
import { DEFAULT_PIXEL_WITHIN } from '../../recipe/limits.ts';
import type { Condition, Duration, OcrPattern, PixelPattern, TextPattern } from '../../recipe/types.ts';
import type { Frame } from '../machine/types.ts';
import type { AreaMatch, NeedleMatch } from '../screen/needle.ts';
import type { PictureReader } from '../screen/picture-reader.ts';
import { recognitionDistance } from '../screen/recognise.ts';
import type { ScreenText } from '../screen/types.ts';
import { freshSpots, type Spot } from './freshness.ts';
import { SERIAL_WINDOW_BYTES } from './limits.ts';
import type { Observation } from './observer.ts';
import { screenChanged } from './stillness.ts';

export interface Nearest {
  readonly line: string;
  readonly row: number;
  /** 0 to 1. */
  readonly similarity: number;
}

/** How text is looked for on a screen; `screen/` does it. */
export interface TextReader {
  /** Every match, from the top. */
  find(screen: ScreenText, pattern: string | TextPattern): readonly Spot[];
  /** The lines most like `text`, best first. */
  nearest(screen: ScreenText, text: string, count: number): readonly Nearest[];
}

export interface Evaluation {
  readonly reader: TextReader;
  /** Without it no needle, colour or recognised text is ever seen. */
  readonly pictures?: PictureReader;
  /** Count only what appeared after the last input. */
  readonly fresh: boolean;
  /** Milliseconds of a duration of the recipe on this host: scaled. */
  readonly durationMs: (duration: Duration) => number;
  readonly nowMs: number;
  /** What was recognised may be a secret with a letter misread, which no masker knows: it is not told then. */
  readonly secrets?: boolean;
}

export interface Verdict {
  readonly met: boolean;
  /** What decided: the font that was read with, `serial`, `event`, `still`, … */
  readonly eye: string;
  readonly where?: Spot;
  /** Where a needle was found, in pixels: its area with the click point, or its first. */
  readonly place?: AreaMatch;
  /** What was seen instead, in words. */
  readonly evidence?: () => string;
  /** The text is there, but it was there before the last input. */
  readonly stale?: true;
}

export function evaluate(condition: Condition, seen: Observation, how: Evaluation): Verdict {
  if ('text' in condition) return evaluateText(condition.text, seen, how);
  if ('serial' in condition) return evaluateSerial(condition.serial, seen, how.fresh);
  if ('needle' in condition) return evaluateNeedle(condition.needle, seen, how);
  if ('ocr' in condition) return evaluateOcr(condition.ocr, seen, how);
  if ('pixel' in condition) return evaluatePixel(condition.pixel, seen, how);
  if ('gone' in condition) return { met: !evaluate(condition.gone, seen, { ...how, fresh: false }).met, eye: 'gone' };
  if ('not' in condition) return { met: !evaluate(condition.not, seen, { ...how, fresh: false }).met, eye: 'not' };
  if ('still' in condition) {
    const since = Math.max(seen.changedAtMs, seen.mark.sentAtMs);
    return { met: how.nowMs - since >= how.durationMs(condition.still), eye: 'still' };
  }
  if ('changed' in condition) {
    const { frame, screen } = seen.mark;
    return { met: frame !== null && screen !== null && screenChanged({ frame, screen }, seen), eye: 'changed' };
  }
  if ('event' in condition) {
    const met = seen.events.slice(seen.mark.events).some((event) => event.type === condition.event);
    return { met, eye: 'event' };
  }
  if ('fetched' in condition) {
    const counted = how.fresh ? seen.requests.slice(seen.mark.requests) : seen.requests;
    const met = counted.some(({ outcome, what }) => outcome === 'served' && what === condition.fetched);
    return { met, eye: 'network' };
  }
  if ('any' in condition) return evaluateAny(condition.any, seen, how);
  return evaluateAll(condition.all, seen, how);
}

function evaluateText(pattern: string | TextPattern, seen: Observation, how: Evaluation): Verdict {
  const eye = seen.screen.font;
  const spots = how.reader.find(seen.screen, pattern);
  if (spots.length === 0) return { met: false, eye };
  const before = how.fresh ? seen.mark.screen : null;
  const fresh = before === null ? spots : freshSpots(before, how.reader.find(before, pattern), seen.screen, spots);
  const [where] = fresh;
  return where === undefined ? { met: false, eye, stale: true } : { met: true, eye, where };
}

/** A picture counts as new where it was not there before the last input, or in another place. */
function evaluateNeedle(name: string, seen: Observation, how: Evaluation): Verdict {
  const found = how.pictures?.needle(name, seen.frame);
  if (how.pictures === undefined || found === undefined) return { met: false, eye: 'needle' };
  const { pictures } = how;
  const evidence = (): string => needleEvidence(found, name, seen.frame, pictures);
  if (!found.ok) return { met: false, eye: 'needle', evidence };
  const eye = `needle ${percent(Math.min(...found.areas.map(({ similarity }) => similarity)))}`;
  const before = how.fresh && seen.mark.frame ? how.pictures.needle(name, seen.mark.frame) : undefined;
  if (before?.ok === true && before.areas.every(({ x, y }, index) => isNear({ x, y }, found.areas[index])))
    return { met: false, eye, stale: true };
  const place = found.areas.find(({ click }) => click) ?? found.areas[0];
  return { met: true, eye, ...(place && { place }) };
}

/** Where it fits best near its place, and what the whole screen has. */
function needleEvidence(near: NeedleMatch, name: string, frame: Frame, pictures: PictureReader): string {
  const words = (match: NeedleMatch): string =>
    match.areas
      .map(
        ({ similarity, x, y }, index) =>
          `${percent(similarity)} of ${match.needle.areas[index]?.match ?? 0} % at ${x},${y}`,
      )
      .join(', ');
  const anywhere = pictures.needle(name, frame, 1);
  const moved = anywhere?.ok === true ? `; it is elsewhere: ${words(anywhere)}` : '';
  return `the needle "${name}" fits ${words(near)}${moved}`;
}

function isNear(a: { readonly x: number; readonly y: number }, b: AreaMatch | undefined): boolean {
  return b !== undefined && Math.abs(a.x - b.x) <= 1 && Math.abs(a.y - b.y) <= 1;
}

function percent(similarity: number): string {
  return `${(similarity * 100).toFixed(1)} %`;
}

function evaluateOcr(ocr: OcrPattern, seen: Observation, { pictures, fresh, secrets }: Evaluation): Verdict {
  const text = pictures?.recognised(ocr.area, seen.frame);
  if (text === undefined) return { met: false, eye: 'ocr' };
  const matches = (read: string): boolean => recognitionDistance(ocr.text, read) <= ocrDistance(ocr);
  if (!matches(text)) {
    const words = secrets === true ? 'something else is recognised there' : `recognised there: ${JSON.stringify(text)}`;
    return { met: false, eye: 'ocr', evidence: () => words };
  }
  const before = fresh && seen.mark.frame ? pictures?.recognised(ocr.area, seen.mark.frame) : undefined;
  return before !== undefined && matches(before) ? { met: false, eye: 'ocr', stale: true } : { met: true, eye: 'ocr' };
}

function evaluatePixel(pixel: PixelPattern, seen: Observation, { pictures, fresh }: Evaluation): Verdict {
  const { at, colour, within = DEFAULT_PIXEL_WITHIN } = pixel;
  const wanted = Number.parseInt(colour.slice(1), 16);
  const matches = (found: number | undefined): boolean =>
    found !== undefined &&
    [16, 8, 0].every((shift) => Math.abs(((found >> shift) & 255) - ((wanted >> shift) & 255)) <= within);
  const found = pictures?.colour(at, seen.frame);
  if (!matches(found)) {
    const is = found === undefined ? 'no pixel of this screen' : `#${found.toString(16).padStart(6, '0')}`;
    return { met: false, eye: 'pixel', evidence: () => `at ${at.join(',')} is ${is}` };
  }
  const stale = fresh && seen.mark.frame !== null && matches(pictures?.colour(at, seen.mark.frame));
  return stale ? { met: false, eye: 'pixel', stale } : { met: true, eye: 'pixel' };
}

/** The serial line as text: what came after `fromByte`, at most the last window, without escape sequences. */
export function serialText(seen: { readonly serialBytes: Uint8Array }, fromByte = 0): string {
  const start = Math.max(fromByte, seen.serialBytes.byteLength - SERIAL_WINDOW_BYTES);
  return stripVTControlCharacters(new TextDecoder().decode(seen.serialBytes.subarray(start))).replaceAll('\r', '');
}

function evaluateSerial(pattern: string | { readonly regex: string }, seen: Observation, fresh: boolean): Verdict {
  const raw = serialText(seen, fresh ? seen.mark.serialBytes : 0);
  if (serialMatches(pattern, raw)) return { met: true, eye: 'serial' };
  const shown = seen.serialLines.join('\n');
  if (!serialMatches(pattern, shown)) return { met: false, eye: 'serial' };
  return fresh ? { met: false, eye: 'serial', stale: true } : { met: true, eye: 'terminal' };
}

function serialMatches(pattern: string | { readonly regex: string }, text: string): boolean {
  if (typeof pattern === 'string') return text.includes(pattern);
  // Line by line: `^` and `$` mean the same as on the screen.
  const regex = RE2JS.compile(pattern.regex);
  return text.split('\n').some((line) => regex.matcher(line).find());
}

function evaluateAny(conditions: readonly Condition[], seen: Observation, how: Evaluation): Verdict {
  let last: Verdict = { met: false, eye: 'any' };
  const evidence: (() => string)[] = [];
  for (const condition of conditions) {
    last = evaluate(condition, seen, how);
    if (last.met) return last;
    if (last.evidence !== undefined) evidence.push(last.evidence);
  }
  return {
    ...last,
    met: false,
    ...(evidence.length > 0 && { evidence: () => evidence.map((one) => one()).join('; ') }),
  };
}

function evaluateAll(conditions: readonly Condition[], seen: Observation, how: Evaluation): Verdict {
  const verdicts = conditions.map((condition) => evaluate(condition, seen, how));
  const missing = verdicts.find((verdict) => !verdict.met);
  if (missing) return missing;
  const where = verdicts.find((verdict) => verdict.where)?.where;
  const place = verdicts.find((verdict) => verdict.place)?.place;
  const eye = [...new Set(verdicts.map((verdict) => verdict.eye))].join('+');
  return { met: true, eye, ...(where && { where }), ...(place && { place }) };
}

/** Does anything that the condition speaks of show, new or old? Then a step may still be on its way. */
export function showsAnything(condition: Condition, seen: Observation, how: Evaluation): boolean {
  if ('text' in condition) return how.reader.find(seen.screen, condition.text).length > 0;
  if ('serial' in condition) return evaluateSerial(condition.serial, seen, false).met;
  if ('needle' in condition || 'ocr' in condition || 'pixel' in condition)
    return evaluate(condition, seen, { ...how, fresh: false }).met;
  return partsOf(condition).some((inner) => showsAnything(inner, seen, how));
}

/** True where the screen alone cannot tell that the condition will never come true: it waits for time or an event. */
export function waitsUnseen(condition: Condition): boolean {
  return 'still' in condition || 'event' in condition || 'fetched' in condition || partsOf(condition).some(waitsUnseen);
}

/** The time a condition is given, milliseconds, scaled: its own, else the longest inside, else the default. */
export function timeoutMs(condition: Condition, defaultMs: number, durationMs: (duration: Duration) => number): number {
  return ownTimeoutMs(condition, durationMs) ?? defaultMs;
}

export function ownTimeoutMs(condition: Condition, durationMs: (duration: Duration) => number): number | undefined {
  if (condition.timeout !== undefined) return durationMs(condition.timeout);
  const inner = partsOf(condition)
    .map((one) => ownTimeoutMs(one, durationMs))
    .filter((ms) => ms !== undefined);
  return inner.length === 0 ? undefined : Math.max(...inner);
}

/** Every `progress` in a condition. */
export function progressIn(condition: Condition): readonly { readonly text: string; readonly stall: Duration }[] {
  return [...(condition.progress ? [condition.progress] : []), ...partsOf(condition).flatMap(progressIn)];
}

/** The nearest lines to anything that the condition speaks of, best first, each line once. */
export function nearestTo(
  condition: Condition,
  seen: ScreenText,
  reader: TextReader,
  count: number,
): readonly Nearest[] {
  const all = textsMentioned(condition).flatMap((text) => reader.nearest(seen, text, count));
  const best = new Map<number, Nearest>();
  for (const one of all) {
    if ((best.get(one.row)?.similarity ?? -1) < one.similarity) best.set(one.row, one);
  }
  return [...best.values()].sort((a, b) => b.similarity - a.similarity).slice(0, count);
}
