import { isDigest, shortDigest, type Digest } from '../../crypto/digest.ts';
import { connect } from '../../node/connect.ts';
import { boxedScreen } from '../repair/boxed-screen.ts';
import type { KnownDisagreement } from '../../node/disagreements.ts';
import type { Context } from '../context.ts';
import { columns, printResult, table, wrap } from '../output.ts';

/** Columns of what is read like a review, like those of the changes in it (src/recipe/diff.ts). */
const WIDTH = 80;

interface Item {
  readonly record: Digest;
  readonly from: string;
  readonly recipe: string;
  readonly summary: string;
  readonly changeClass: string | null;
  /** `differs`: no patch, but a build that contradicts one here. */
  readonly state: 'open' | 'accepted' | 'rejected' | 'differs';
  readonly policy: string;
}

interface Decision {
  readonly apply: string;
  readonly because: readonly string[];
  readonly missing: readonly string[];
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
            stateOf(item),
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
  readonly evidence: Partial<Record<'before' | 'after', { readonly lines: readonly string[] | null }>>;
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
    ...wrap(item.summary, WIDTH),
    '',
    ...item.changes,
    ...screens(item),
    ...(item.decision ? ['', ...explain(item.decision)] : []),
  ]);
  return undefined;
}

/** What its author saw. It may be anything: only a build here shows whether the patch cures. */
function screens({ evidence, from }: Shown): string[] {
  return (['before', 'after'] as const).flatMap((when) => {
    const lines = evidence[when]?.lines;
    if (lines === undefined) return [];
    const words = when === 'before' ? 'when the step failed' : 'with the patch';
    if (lines === null) return ['', `The screen ${words} is not here, and ${from} cannot be asked now.`];
    return ['', `The screen ${words}, says ${from}:`, ...boxedScreen({ lines }, BOX)];
  });
}

const BOX = { columns: WIDTH, maxRows: 16, marked: new Set<number>() };

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
      WIDTH,
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

interface Why {
  readonly record: string;
  /** null: of a kind that this version does not know. */
  readonly kind: string | null;
  readonly notUnderstood?: string;
  readonly from: string;
  readonly author: string;
  readonly link: { readonly seq: number; readonly scope: string };
  readonly summary?: string;
  readonly decision: Decision | null;
}

export async function why(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const answer = await home.call<Why>('why', { record }, context.signal);
  printResult(context, answer, () => [
    `record  ${answer.record}`,
    `kind    ${answer.kind ?? 'unknown'}, number ${answer.link.seq} in the ${answer.link.scope} feed of ${answer.from}`,
    `author  ${answer.author}`,
    ...(answer.summary === undefined ? [] : ['', ...wrap(answer.summary, WIDTH)]),
    '',
    ...(answer.notUnderstood === undefined
      ? []
      : [`Not understood by this version, so it counts for nothing: ${answer.notUnderstood}`]),
    ...(answer.decision
      ? explain(answer.decision)
      : [
          answer.kind === 'patch'
            ? 'Nothing is decided about it: its base is not stored here, or it does not fit that.'
            : 'There is nothing to decide about it: only patches are applied.',
        ]),
  ]);
  return undefined;
}

/** Records by the first digits of their ids, which commands take as well; `--json` has them whole. */
function explain(decision: Decision): string[] {
  const missing = decision.missing.length === 0 ? [] : [`Still awaited: ${decision.missing.join(', ')}.`];
  const because = decision.because.flatMap((line) => {
    const [first = '', ...rest] = wrap(shortened(line), WIDTH - 4);
    return [`  ${first}`, ...rest.map((more) => `    ${more}`)];
  });
  return [`policy says: ${decision.apply}`, ...because, ...missing];
}

function shortened(line: string): string {
  return line.replaceAll(/sha256:[0-9a-f]{64}/g, (found) => (isDigest(found) ? shortDigest(found) : found));
}
