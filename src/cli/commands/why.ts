import { writeFile } from 'node:fs/promises';
import { shortDigest, type Digest } from '../../crypto/digest.ts';
import { errnoOf, UsageError } from '../../errors.ts';
import { connect } from '../../node/connect.ts';
import type { Rivals } from '../../node/rivals.ts';
import type { Context } from '../context.ts';
import { explain, REVIEW_COLUMNS, type Decision } from '../explain.ts';
import { printResult, wrap } from '../output.ts';
import { ownRivalLines, rivalLines } from '../rivals.ts';

interface Refused {
  readonly at: string;
  readonly from: string;
  readonly name?: string;
  readonly reason: string;
  readonly detail: string;
  readonly count: number;
}

interface Stored {
  readonly record: Digest;
  /** null: of a kind that this version does not know. */
  readonly kind: string | null;
  readonly notUnderstood?: string;
  readonly from: string;
  readonly author: string;
  readonly link: { readonly seq: number; readonly scope: string };
  readonly envelope: unknown;
  readonly keyRecords?: readonly unknown[];
  readonly frozen: { readonly at: { readonly seq: number }; readonly rivals: Rivals | null } | null;
  readonly summary?: string;
  readonly meaning?: { readonly name?: string; readonly version?: string; readonly digest?: Digest };
  readonly changeClass?: string | null;
  readonly since?: string | null;
  readonly decision: Decision | null;
  readonly patches?: readonly {
    readonly record: Digest;
    readonly from: string;
    readonly summary: string;
    readonly changeClass: string | null;
    readonly policy: string;
  }[];
  readonly patchCount?: number;
  readonly refused: readonly Refused[];
}

/** What was turned away: nothing of it is stored. */
interface TurnedAway {
  readonly record: Digest;
  readonly refused: readonly Refused[];
}

type Why = Stored | TurnedAway;

interface Flags {
  readonly proof?: string;
  readonly keys?: string;
}

/** A record or a recipe. `--proof` and `--keys` write down the signed record, and who may sign it, for `verify` and for other tools. */
export async function why(context: Context, what: string, flags: Flags): Promise<undefined> {
  const { proof, keys } = flags;
  const home = await connect(context.home);
  const answer = await home.call<Why>('why', { record: what, keys: keys !== undefined }, context.signal);
  if (proof !== undefined) await writeDown(proof, [stored(answer).envelope]);
  if (keys !== undefined) await writeDown(keys, stored(answer).keyRecords ?? []);
  const withKeys = keys === undefined ? '' : ` --keys ${keys}`;
  printResult(context, answer, () => [
    ...('link' in answer ? linesOf(answer) : [`record  ${answer.record}`, 'It was refused, and is not stored here.']),
    ...refusals(answer),
    ...(proof === undefined ? [] : ['', `Written down: ${proof}. To check it: portalgun verify ${proof}${withKeys}`]),
    ...(proof === undefined && keys !== undefined ? ['', `The keys of its author are written down: ${keys}`] : []),
  ]);
  return undefined;
}

function stored(answer: Why): Stored {
  if ('envelope' in answer) return answer;
  throw new UsageError('why/not-stored', `record ${answer.record} was refused, and is not stored here`, {
    hint: 'There is nothing to write down.',
  });
}

async function writeDown(file: string, envelopes: readonly unknown[]): Promise<void> {
  try {
    await writeFile(file, envelopes.map((envelope) => `${JSON.stringify(envelope)}\n`).join(''), { flag: 'wx' });
  } catch (cause) {
    const why = errnoOf(cause) === 'EEXIST' ? 'it exists already' : String(errnoOf(cause));
    throw new UsageError('why/proof-file', `cannot write ${file}: ${why}`, { hint: 'Give another name.', cause });
  }
}

function linesOf(answer: Stored): string[] {
  const { meaning, kind, link, patches = [] } = answer;
  return [
    `record  ${answer.record}`,
    `kind    ${kind ?? 'unknown'}, number ${link.seq} in the ${link.scope} feed of ${answer.from}`,
    `author  ${answer.author}`,
    ...frozenLines(answer),
    ...(kind === 'recipe' && meaning
      ? [`recipe  ${answer.from}/${meaning.name} ${meaning.version}, ${meaning.digest}`]
      : []),
    ...(answer.summary === undefined ? [] : ['', ...wrap(answer.summary, REVIEW_COLUMNS)]),
    '',
    ...(answer.notUnderstood === undefined
      ? []
      : [`Not understood by this version, so it counts for nothing: ${answer.notUnderstood}`]),
    ...(answer.decision ? [...sinceBefore(answer), ...explain(answer.decision)] : [undecided(answer)]),
    ...patches.flatMap(({ record, from, summary, changeClass, policy }, index) => [
      ...(index === 0 ? ['', `${answer.patchCount} patches of it:`] : []),
      `  ${shortDigest(record)} ${from} [${changeClass ?? '?'}]: ${policy}`,
      ...wrap(summary, REVIEW_COLUMNS - 4).map((line) => `    ${line}`),
    ]),
  ];
}

function frozenLines({ frozen, from }: Stored): string[] {
  if (frozen === null) return [];
  if (frozen.rivals !== null) return from === 'me' ? ownRivalLines(frozen.rivals) : rivalLines(from, frozen.rivals);
  return [`FROZEN  two different records with seq ${frozen.at.seq} are signed: nothing of it counts`];
}

function sinceBefore({ kind, since, changeClass, from }: Stored): string[] {
  if (kind !== 'recipe') return [];
  return since == null
    ? [`${from} has published none before it to compare it with: class ${changeClass}`]
    : [`Since ${since}: class ${changeClass}`];
}

function undecided({ kind, from }: Stored): string {
  if (kind === 'patch') return 'Nothing is decided about it: its base is not stored here, or it does not fit that.';
  if (kind === 'recipe' && from === 'me') return 'It is yours: there is nothing to decide about it.';
  return 'There is nothing to decide about it: only patches and recipes are used.';
}

function refusals(answer: Why): string[] {
  const lines = answer.refused.flatMap(({ at, from, reason, detail, count }) => [
    `  ${count} × ${reason}, last at ${at}, from ${from}`,
    ...wrap(detail, REVIEW_COLUMNS - 4).map((line) => `    ${line}`),
  ]);
  if (lines.length === 0) return [];
  return [
    '',
    'link' in answer ? `Refused lately in the name of ${answer.from} (anybody can claim it):` : 'Refused:',
    ...lines,
  ];
}
