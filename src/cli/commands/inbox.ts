import { shortDigest, type Digest } from '../../crypto/digest.ts';
import { connect } from '../../node/connect.ts';
import { boxedScreen } from '../repair/boxed-screen.ts';
import type { KnownDisagreement } from '../../node/disagreements.ts';
import type { Context } from '../context.ts';
import { explain, REVIEW_COLUMNS, type Decision } from '../explain.ts';
import { columns, printResult, table, wrap } from '../output.ts';

interface Item {
  readonly record: Digest;
  readonly from: string;
  readonly recipe: string;
  readonly summary: string;
  readonly changeClass: string | null;
  /** `differs`: no patch, but a build that contradicts one here. */
  readonly state: 'open' | 'accepted' | 'rejected' | 'differs';
  readonly policy: string;
  /** Ids of patches that make something else of the same thing. */
  readonly contradictedBy: readonly Digest[];
}

export async function list(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  const items = await home.call<Item[]>('inbox.list', {}, context.signal);
  printResult(context, items, () =>
    items.length === 0
      ? 'The inbox is empty.'
      : table(
          ['patch', 'from', 'recipe', 'class', 'state', 'what'],
          items.map((item) => [
            shortDigest(item.record),
            item.from,
            item.recipe,
            item.changeClass ?? '?',
            item.contradictedBy.length > 0 && item.state === 'open' ? 'conflict' : stateOf(item),
            item.summary,
          ]),
          columns(context),
        ),
  );
  return undefined;
}

/** The person's own decision, where policy lets it stand; otherwise what policy says. */
function stateOf({ state, policy }: Item): string {
  return state === 'open' || (state === 'accepted' && policy === 'never') ? policy : state;
}

interface Shown extends Item {
  readonly author: string;
  readonly origin: string;
  readonly base: Digest;
  readonly result: Digest;
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
  readonly state: Item['state'];
  readonly voices: readonly Voice[];
  readonly evidence: Evidence;
}

export async function show(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const shown = await home.call<Shown | Contradiction>('inbox.show', { record }, context.signal);
  if ('disagreement' in shown) {
    printResult(context, shown, ({ disagreement }) => whatToDo(disagreement));
    return undefined;
  }
  const item = shown;
  printResult(context, item, () => [
    `patch   ${item.record}`,
    `from    ${item.from}, ${item.origin === 'human' ? 'made by a person' : `origin: ${item.origin}`}`,
    `author  ${item.author}`,
    `recipe  ${item.recipe}, ${shortDigest(item.base)} → ${shortDigest(item.result)}`,
    '',
    ...wrap(item.summary, REVIEW_COLUMNS),
    '',
    ...item.changes,
    ...voicesOf(item.voices),
    ...screens(item),
    ...contradictions(item),
    ...(item.decision ? ['', ...explain(item.decision)] : []),
  ]);
  return undefined;
}

/** What its author saw. It may be anything: only a build here shows whether the patch cures. */
function screens({ evidence, from }: Pick<Shown, 'evidence' | 'from'>): string[] {
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
function contradictions(item: Shown): string[] {
  if (item.conflicts.length === 0) return [];
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
  const more = item.notCompared === 0 ? [] : [`${item.notCompared} more patches of this recipe were not compared.`];
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
    ...more,
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

interface Contradiction {
  readonly record: Digest;
  readonly from: string;
  readonly disagreement: KnownDisagreement;
}

function whatToDo({ peer, author, recipeName, build, record, mine, theirs }: KnownDisagreement): string[] {
  return [
    `build   ${record}`,
    `from    ${peer}`,
    `author  ${author}`,
    `recipe  ${recipeName}`,
    `yours   ${build}: manifest ${shortDigest(mine)}`,
    `theirs  manifest ${shortDigest(theirs)}`,
    '',
    ...wrap(
      'Both were made from the same recipe, media and rules, and should be equal. One of you has another result.',
      REVIEW_COLUMNS,
    ),
    '',
    'What to do:',
    `  portalgun crosscheck ${recipeName} --peer ${peer}`,
    '    names the files that differ',
    `  portalgun build ${recipeName}.yaml --fresh`,
    '    shows whether you get the same again',
    `  portalgun crosscheck ${recipeName} --peer ${peer} --proof FILE`,
    '    writes both signed results down, for others to see',
    '  portalgun withdraw RECORD --why TEXT',
    '    takes yours back, where yours was wrong; theirs goes when they do so',
  ];
}

export async function accept(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const result = await home.call<{ record: string }>('inbox.accept', { record }, context.signal);
  printResult(context, result, () => [
    'Accepted: a build here that needs it will try it, and it counts only once that build has met every expectation.',
    'Your recipe files are not touched; to write it into one: portalgun recipe apply PATCH FILE',
  ]);
  return undefined;
}

export async function reject(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const result = await home.call<{ record: string }>('inbox.reject', { record }, context.signal);
  printResult(context, result, () => 'Rejected: no build here uses it.');
  return undefined;
}
