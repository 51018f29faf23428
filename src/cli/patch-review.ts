/** One patch as a code review reads: what it changes, who says what of it, what they saw, what contradicts it. */
import { shortDigest, type Digest } from '../crypto/digest.ts';
import { CLASS_WORDS } from '../recipe/change.ts';
import type { ChangeClass } from '../recipe/types.ts';
import { explain, REVIEW_COLUMNS, type Decision } from './explain.ts';
import { wrap } from './output.ts';
import { boxedScreen } from './repair/boxed-screen.ts';

/** A patch as `inbox.show` tells of it. */
export interface ReviewedPatch {
  readonly record: Digest;
  readonly from: string;
  readonly recipe: string;
  readonly summary: string;
  readonly author: string;
  readonly origin: string;
  readonly base: Digest;
  readonly result: Digest;
  readonly changeClass: ChangeClass | null;
  readonly changes: readonly string[];
  readonly decision: Decision | null;
  readonly evidence: Evidence;
  readonly voices: readonly Voice[];
  readonly conflicts: readonly {
    readonly place: string;
    readonly was: string | null;
    readonly sides: readonly {
      readonly words: string;
      readonly patches: readonly { readonly record: Digest; readonly from: string }[];
    }[];
  }[];
  readonly rivals: readonly Rival[];
  readonly notCompared: number;
}

type Evidence = Partial<Record<'before' | 'after', { readonly lines: readonly string[] | null }>>;

interface Voice {
  readonly from: string;
  readonly stance: 'for' | 'against';
  readonly basis: keyof typeof BASIS;
  readonly stale: boolean;
}

/** How somebody came to say it. */
const BASIS = {
  author: 'made it',
  'reviewed-human': 'has looked at it',
  'reviewed-build': 'a build with it worked there',
  failure: 'a build with it failed there',
  withdrawal: 'took it back',
  'contradicting-patch': 'has another patch for it',
} as const;

/** A patch that contradicts the one that is shown. */
interface Rival {
  readonly record: Digest;
  readonly from: string;
  readonly summary: string;
  readonly changeClass: string | null;
  readonly state: 'open' | 'accepted' | 'rejected';
  readonly voices: readonly Voice[];
  readonly evidence: Evidence;
}

export function patchReview(item: ReviewedPatch): string[] {
  return [
    `patch   ${item.record}`,
    `from    ${item.from}, ${item.origin === 'human' ? 'made by a person' : `origin: ${item.origin}`}`,
    `author  ${item.author}`,
    `recipe  ${item.recipe}, ${shortDigest(item.base)} → ${shortDigest(item.result)}`,
    ...classLine(item.changeClass),
    '',
    ...wrap(item.summary, REVIEW_COLUMNS),
    '',
    ...item.changes,
    ...voicesOf(item.voices),
    ...screens(item),
    ...contradictions(item),
    ...(item.decision ? ['', ...explain(item.decision)] : []),
  ];
}

/** What a reviewer asks first: how far can this reach? */
function classLine(changeClass: ChangeClass | null): string[] {
  return changeClass === null ? [] : [`class   ${changeClass}: ${CLASS_WORDS[changeClass]}`];
}

/** What its author saw. It may be anything: only a build here shows whether the patch cures. */
function screens({ evidence, from }: Pick<ReviewedPatch, 'evidence' | 'from'>): string[] {
  return (['before', 'after'] as const).flatMap((when) => {
    const lines = evidence[when]?.lines;
    if (lines === undefined) return [];
    const words = when === 'before' ? 'when the step failed' : 'with the patch';
    if (lines === null) return ['', `The screen ${words} is not here, and ${from} cannot be asked now.`];
    return ['', `The screen ${words}, says ${from}:`, ...boxedScreen({ lines }, BOX)];
  });
}

function voicesOf(voices: readonly Voice[]): string[] {
  const lines = (['for', 'against'] as const).flatMap((stance) => {
    const said = voices.filter((voice) => voice.stance === stance);
    const words = said.map(
      ({ from, basis, stale }) => `${from} (${BASIS[basis]}${stale ? '; not heard of lately' : ''})`,
    );
    return said.length === 0 ? [] : hanging(stance.padEnd(8), [...new Set(words)].join(', '));
  });
  return lines.length === 0 ? [] : ['', ...lines];
}

/** Place by place, who makes what of it; then what speaks for each of them. */
function contradictions(item: ReviewedPatch): string[] {
  const notCompared =
    item.notCompared === 0 ? [] : ['', `${item.notCompared} more patches of this recipe were not compared with it.`];
  if (item.conflicts.length === 0) return notCompared;
  const places = item.conflicts.flatMap(({ place, was, sides }) => [
    '',
    place,
    ...hanging('  now: ', was ?? 'nothing'),
    ...sides.flatMap(({ words, patches }) =>
      hanging(
        `  ${patches.map(({ record, from }) => (record === item.record ? `${from}, this patch` : `${from}, ${shortDigest(record)}`)).join('; ')}: `,
        words,
      ),
    ),
  ]);
  const rivals = item.rivals.flatMap((rival) => [
    '',
    ...hanging(
      `${shortDigest(rival.record)} `,
      `of ${rival.from}${rival.state === 'open' ? '' : ` (${rival.state})`}: ${rival.summary} [${rival.changeClass ?? '?'}]`,
    ),
    ...voicesOf(rival.voices).slice(1),
    ...screens(rival),
  ]);
  return [
    '',
    ...wrap(
      'CONFLICT: others make something else of the same thing, so nothing of it is done by itself.',
      REVIEW_COLUMNS,
    ),
    ...places,
    ...rivals,
    '',
    'To choose one: portalgun inbox accept PATCH',
    'and for the others: portalgun inbox reject PATCH',
    ...notCompared,
  ];
}

/** The first line begins with `lead`, further ones under what follows it. */
function hanging(lead: string, text: string): string[] {
  const indent = Math.min(lead.length, 12);
  const [first = '', ...rest] = wrap(text, REVIEW_COLUMNS - indent);
  if (lead.length + first.length <= REVIEW_COLUMNS)
    return [lead + first, ...rest.map((line) => ' '.repeat(indent) + line)];
  return [lead.trimEnd(), ...[first, ...rest].map((line) => ' '.repeat(indent) + line)];
}

const BOX = { columns: REVIEW_COLUMNS, maxRows: 16, marked: new Set<number>() };
