import { shortDigest, type Digest } from '../../crypto/digest.ts';
import { connect } from '../../node/connect.ts';
import type { KnownDisagreement } from '../../node/disagreements.ts';
import type { Context } from '../context.ts';
import { REVIEW_COLUMNS } from '../explain.ts';
import { columns, printResult, table, wrap } from '../output.ts';
import { patchReview, type ReviewedPatch } from '../patch-review.ts';

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

export async function show(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const shown = await home.call<ReviewedPatch | Contradiction>('inbox.show', { record }, context.signal);
  if ('disagreement' in shown) {
    printResult(context, shown, ({ disagreement }) => whatToDo(disagreement));
    return undefined;
  }
  printResult(context, shown, patchReview);
  return undefined;
}

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
    `  portalgun build ${recipeName}.yaml --twice`,
    '    shows whether yours is the same again, and if not, why',
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
    'Accepted: a build here that needs it will try it, and it counts only once that',
    'build has met every expectation. Your recipe files are not touched; to write it',
    'into one: portalgun recipe apply PATCH FILE',
  ]);
  return undefined;
}

export async function reject(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const result = await home.call<{ record: string }>('inbox.reject', { record }, context.signal);
  printResult(context, result, () => 'Rejected: no build here uses it.');
  return undefined;
}
