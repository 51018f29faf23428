/**
 * Why two builds wrote different bytes, as far as the bytes tell: the probable cause, and what of them says so. Pure. It is a
 * guess for people, and no verdict hangs on it.
 */
export type CauseKind = 'time' | 'randomness' | 'order' | 'host' | 'version';

export interface Cause {
  readonly kind: CauseKind;
  /** What says so, from the bytes; may hold anything that a guest wrote. */
  readonly evidence: string;
}

/** What is known of one of the two builds. */
export interface Circumstances {
  /** What the guest's clock said at the start, and how long the build took; milliseconds. */
  readonly clockMs: number;
  readonly tookMs: number;
  /** Values that belong to this build's host alone, by what they are: its name, its number of cpus. */
  readonly host: Readonly<Record<string, string>>;
}

export interface Side {
  readonly content: Buffer;
  readonly build: Circumstances;
}

/** Undefined where the contents are the same, or nothing in them tells. */
export function probableCause(a: Side, b: Side): Cause | undefined {
  if (a.content.equals(b.content)) return undefined;
  if (isText(a.content) && isText(b.content)) return causeInText(a, b);
  return causeInBytes(a, b);
}

/** Quoted in evidence, characters; and differing places of one file that are looked at. */
const MAX_QUOTED = 60;
const MAX_PLACES = 2000;

function causeInText(a: Side, b: Side): Cause | undefined {
  const [left, right] = [linesOf(a.content), linesOf(b.content)];
  if (sameItems(left, right)) return { kind: 'order', evidence: `the same ${left.length} lines in another order` };
  const [onlyLeft, onlyRight] = [without(left, right), without(right, left)];
  const found: { kind: CauseKind; evidence: string }[] = [];
  let places = 0;
  for (const [index, line] of onlyLeft.slice(0, MAX_PLACES).entries()) {
    const other = onlyRight[index];
    if (other === undefined) break;
    if (sameItems(words(line), words(other))) {
      places += 1;
      found.push({ kind: 'order', evidence: `the same words in another order: ${quoted(line)}` });
      continue;
    }
    for (const [one, two] of differingParts(line, other)) {
      places += 1;
      const cause = causeOfPart(one, two, a.build, b.build);
      if (cause) found.push(cause);
    }
  }
  return mostFrequent(found, places);
}

function causeOfPart(one: string, two: string, a: Circumstances, b: Circumstances): Cause | undefined {
  const both = `${quoted(one)} and ${quoted(two)}`;
  for (const [what, value] of Object.entries(a.host)) {
    const other = b.host[what];
    if (other !== undefined && other !== value && holds(one, value) && holds(two, other)) {
      return { kind: 'host', evidence: `${both}: ${what} of the two hosts` };
    }
  }
  if (isTime(one, a) && isTime(two, b)) return { kind: 'time', evidence: `${both}: when each was built` };
  if (VERSION.test(one) && VERSION.test(two)) return { kind: 'version', evidence: `${both}: two versions` };
  if (one.length === two.length && isRandom(one) && isRandom(two)) {
    return { kind: 'randomness', evidence: `${both}: nothing in common` };
  }
  return undefined;
}

/** A number of cpus is a digit, and digits are everywhere: what is so short must be the whole word. */
function holds(text: string, value: string): boolean {
  return value.length < 3 ? text === value : text.includes(value);
}

/** Digits with dots between, and what Debian puts behind: `6.1.0-50`, `12.4+deb12u5`. */
const VERSION = /^v?\d+(?:\.\d+)+(?:[-+~:.][0-9a-z]+)*$/i;

const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$/;

/** A time zone is at most 14 hours from another, and a guest's clock may be set to local time. */
const ZONES_MS = 15 * 3600 * 1000;

function isTime(text: string, build: Circumstances): boolean {
  if (CLOCK.test(text)) return true;
  const digits = /^\d{10}(?:\d{3})?(?:\.\d+)?$/.exec(text)?.[0];
  if (digits !== undefined) return isNear(Number(digits) * (/^\d{13}/.test(digits) ? 1 : 1000), build);
  const day = /^(\d{4})-?(\d\d)-?(\d\d)/.exec(text);
  if (day === null) return false;
  const said = Date.parse(`${day[1]}-${day[2]}-${day[3]}T00:00:00Z`);
  return isNear(said, build, 24 * 3600 * 1000);
}

function isNear(timeMs: number, { clockMs, tookMs }: Circumstances, slackMs = 0): boolean {
  return timeMs >= clockMs - ZONES_MS - slackMs && timeMs <= clockMs + tookMs + ZONES_MS + slackMs;
}

/** Hexadecimal or base64 of eight characters and more, digits and letters mixed. */
function isRandom(text: string): boolean {
  const compact = text.replaceAll(/[-:=]/g, '');
  return /^[0-9a-zA-Z+/._]{8,}$/.test(compact) && /\d/.test(compact) && /[a-zA-Z]/.test(compact);
}

/** A difference of a few bytes may be a time in seconds; one of many bytes that agree in nothing is drawn at random. */
function causeInBytes(a: Side, b: Side): Cause | undefined {
  const [one, two] = [a.content, b.content];
  if (one.length !== two.length) {
    return sameBytes(one, two) ? { kind: 'order', evidence: 'the same bytes in another order' } : undefined;
  }
  const runs = differingRuns(one, two);
  const found: Cause[] = [];
  for (const { start, end } of runs.slice(0, MAX_PLACES)) {
    const time = timeAt(start, a, b);
    const inText = causeOfEmbedded(start, end, a, b);
    if (inText !== undefined) found.push(inText);
    else if (time !== undefined)
      found.push({ kind: 'time', evidence: `bytes ${start} to ${end - 1} are a time: ${time}` });
    else if (looksRandom(one.subarray(start, end), two.subarray(start, end))) {
      found.push({ kind: 'randomness', evidence: `bytes ${start} to ${end - 1} have nothing in common` });
    }
  }
  const cause = mostFrequent(found, runs.length);
  if (cause !== undefined) return cause;
  return sameBytes(one, two) ? { kind: 'order', evidence: 'the same bytes in another order' } : undefined;
}

/** A program's strings are text in the middle of what is none. */
function causeOfEmbedded(start: number, end: number, a: Side, b: Side): Cause | undefined {
  const printable = (at: number): boolean =>
    [a.content[at] ?? 0, b.content[at] ?? 0].every((byte) => byte >= 0x20 && byte < 0x7f);
  for (let at = start; at < end; at += 1) if (!printable(at)) return undefined;
  let [from, to] = [start, end];
  while (start - from < MAX_QUOTED && printable(from - 1)) from -= 1;
  while (to - end < MAX_QUOTED && printable(to)) to += 1;
  if (to - from < 4) return undefined;
  const [one, two] = [a.content, b.content].map((content) => content.toString('latin1', from, to));
  for (const [word, other] of differingParts(one ?? '', two ?? '')) {
    const cause = causeOfPart(word, other, a.build, b.build);
    if (cause !== undefined) return cause;
  }
  return undefined;
}

/** A 32-bit number of seconds, in either order of bytes, that lies in both builds' time. */
function timeAt(start: number, a: Side, b: Side): string | undefined {
  for (let at = Math.max(0, start - 3); at <= start && at + 4 <= a.content.length; at += 1) {
    for (const read of ['readUInt32LE', 'readUInt32BE'] as const) {
      const [one, two] = [a.content[read](at) * 1000, b.content[read](at) * 1000];
      if (one !== two && isNear(one, a.build) && isNear(two, b.build)) {
        return `${new Date(one).toISOString()} and ${new Date(two).toISOString()}`;
      }
    }
  }
  return undefined;
}

/** Of random bits half agree. Fewer than eight bytes tell nothing. */
function looksRandom(one: Buffer, two: Buffer): boolean {
  if (one.length < 8) return false;
  let other = 0;
  for (const [index, byte] of one.entries()) other += bitsOf(byte ^ (two[index] ?? 0));
  const share = other / (8 * one.length);
  return share > 0.35 && share < 0.65;
}

function bitsOf(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

/** Runs of differing bytes; up to three equal ones between two differing ones are chance. */
function differingRuns(one: Buffer, two: Buffer): readonly { readonly start: number; readonly end: number }[] {
  const runs: { start: number; end: number }[] = [];
  for (let at = 0; at < one.length; at += 1) {
    if (one[at] === two[at]) continue;
    const last = runs.at(-1);
    if (last !== undefined && at - last.end <= 3) last.end = at + 1;
    else runs.push({ start: at, end: at + 1 });
  }
  return runs;
}

/** The kind that most places tell of, with the first of them as evidence; undefined where fewer than half tell of any. */
function mostFrequent(found: readonly Cause[], places: number): Cause | undefined {
  const counts = new Map<CauseKind, Cause[]>();
  for (const cause of found) counts.set(cause.kind, [...(counts.get(cause.kind) ?? []), cause]);
  const [most] = [...counts.values()].sort((x, y) => y.length - x.length);
  const first = most?.[0];
  if (most === undefined || first === undefined || 2 * most.length < places) return undefined;
  return places === 1 ? first : { ...first, evidence: `${first.evidence} (${most.length} of ${places} places)` };
}

function linesOf(content: Buffer): readonly string[] {
  return content.toString('latin1').split('\n');
}

function words(line: string): readonly string[] {
  return line.split(/[\s,;]+/);
}

/** Words at the same place that differ. Where the lines have other numbers of words they are compared whole. */
function differingParts(one: string, two: string): readonly (readonly [string, string])[] {
  const split = (text: string): string[] => text.split(/([\s,;="'()[\]<>|]+)/);
  const [left, right] = [split(one), split(two)];
  if (left.length !== right.length) return [[one, two]];
  return left.flatMap((word, index) => {
    const other = right[index] ?? '';
    return word === other ? [] : [[word, other] as const];
  });
}

function sameItems(one: readonly string[], two: readonly string[]): boolean {
  return one.length === two.length && one.length > 1 && without(one, two).length === 0 && one.join() !== two.join();
}

/** What of `one` is not in `two`, each as often as it is more often there. */
function without(one: readonly string[], two: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const item of two) counts.set(item, (counts.get(item) ?? 0) + 1);
  return one.filter((item) => {
    const left = counts.get(item) ?? 0;
    counts.set(item, left - 1);
    return left <= 0;
  });
}

function sameBytes(one: Buffer, two: Buffer): boolean {
  return one.length === two.length && Buffer.from(one).sort().equals(Buffer.from(two).sort());
}

function isText(content: Buffer): boolean {
  return !content.includes(0);
}

/** Printable ASCII alone: a guest wrote it. */
function quoted(text: string): string {
  const cut = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
  return JSON.stringify(cut.replaceAll(/[^ -~]/g, '.'));
}
