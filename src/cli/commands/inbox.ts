import { connect } from '../../node/connect.ts';
import type { Context } from '../context.ts';
import { printResult, table } from '../output.ts';

interface Item {
  readonly record: string;
  readonly from: string;
  readonly recipe: string;
  readonly summary: string;
  readonly changeClass: string | null;
  readonly state: 'open' | 'accepted' | 'rejected';
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
          ['patch', 'from', 'recipe', 'class', 'policy', 'state', 'what'],
          items.map((item) => [
            short(item.record),
            item.from,
            item.recipe,
            item.changeClass ?? '?',
            item.policy,
            item.state,
            item.summary,
          ]),
        ),
  );
  return undefined;
}

interface Shown extends Item {
  readonly author: string;
  readonly origin: string;
  readonly base: string;
  readonly result: string;
  readonly changes: readonly string[];
  readonly decision: Decision | null;
}

export async function show(context: Context, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const item = await home.call<Shown>('inbox.show', { record }, context.signal);
  printResult(context, item, () => [
    `patch   ${item.record}`,
    `from    ${item.from} (${item.author}), ${item.origin === 'human' ? 'made by a person' : `origin: ${item.origin}`}`,
    `recipe  ${item.recipe}, ${short(item.base)} → ${short(item.result)}`,
    `class   ${item.changeClass ?? 'unknown: the recipe that it starts from is not stored here'}`,
    '',
    item.summary,
    '',
    ...item.changes,
    ...(item.decision ? ['', ...explain(item.decision)] : []),
  ]);
  return undefined;
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
    `${answer.kind ?? 'record'} ${answer.record}`,
    `by ${answer.from} (${answer.author}), record ${answer.link.seq} of their ${answer.link.scope} feed`,
    ...(answer.summary === undefined ? [] : [answer.summary]),
    '',
    ...(answer.notUnderstood === undefined
      ? []
      : [`Not understood by this version, so it counts for nothing: ${answer.notUnderstood}`]),
    ...(answer.decision
      ? explain(answer.decision)
      : ['There is nothing to decide about it: only patches are applied.']),
  ]);
  return undefined;
}

function explain(decision: Decision): string[] {
  const missing = decision.missing.length === 0 ? [] : [`Still awaited: ${decision.missing.join(', ')}.`];
  return [`policy says: ${decision.apply}`, ...decision.because.map((line) => `  ${line}`), ...missing];
}

function short(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
