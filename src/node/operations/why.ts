/** Why something is used, asked about or refused: a record, a recipe, or bytes that were turned away. */
import { isDigest } from '../../crypto/digest.ts';
import { UsageError } from '../../errors.ts';
import { comparePositions, judge, keyActionOf, PUBLIC_SCOPE, recordToJson } from '../../exchange/record/index.ts';
import type { Meaning, VerifiedRecord } from '../../exchange/record/types.ts';
import { baseOf, judgeAt, judgeVersion, personalDecision } from '../judgement.ts';
import { allOf, findRecord, type Known } from '../knowledge.ts';
import { rivalsOf } from '../rivals.ts';
import { nameOf, type Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { lastRefusals, type ToldRefusal } from './network.ts';
import { recipesNamed } from './recipes.ts';

/** Patches of a recipe that are told of one by one. */
export const WHY_PATCHES_MAX = 64;

/**
 * `record` is a record's id or its beginning, `author/name[@version]`, or a recipe's digest. Rejects with `record/unknown`
 * where it is none of what is stored, nor of what was refused lately.
 */
export async function why(session: Session, args: Arguments): Promise<unknown> {
  const text = args.text('record');
  if (text.includes('/')) return aboutRecipe(session, text);
  try {
    const record = await findRecord(session, text);
    const about = await aboutRecord(session, record);
    return args.flag('keys') ? { ...about, keyRecords: await keyRecords(session, record) } : about;
  } catch (error) {
    if (!(error instanceof UsageError) || error.code !== 'record/unknown') throw error;
    const refused = refusedAs(session, text);
    if (refused.length > 0) return { record: refused[0]?.record, kind: null, decision: null, refused };
    if (!isDigest(text)) throw error;
    return aboutRecipe(session, text).catch((other: unknown) => {
      throw other instanceof UsageError && other.code === 'recipe/unknown' ? error : other;
    });
  }
}

/** What opened the author's public feed and each of its epochs, in order, and its revocation: all that `verify --keys` needs. */
async function keyRecords({ store }: Session, { link: { author } }: VerifiedRecord): Promise<unknown[]> {
  const { epochs, revoked } = store.keysOf(author, PUBLIC_SCOPE);
  const [first] = await store.range(author, PUBLIC_SCOPE, 0, 1);
  const opened = await Promise.all(epochs.map(async ({ opened: one }) => one && store.get(one.id)));
  const last = revoked ? await store.head(author, PUBLIC_SCOPE) : undefined;
  const records = [first, ...opened, last && (await store.get(last.id))].filter((record) => record != null);
  const ofKeys = records.filter(({ statement, link }) => 'action' in keyActionOf(statement, link));
  return ofKeys.map((record) => JSON.parse(recordToJson(record)) as unknown);
}

async function aboutRecord(session: Session, record: VerifiedRecord): Promise<object> {
  const judged = judge(record);
  const about = {
    record: record.id,
    kind: judged.understood ? judged.meaning.kind : null,
    author: record.link.author,
    from: nameOf(session, record.link.author),
    link: record.link,
    envelope: JSON.parse(recordToJson(record)) as unknown,
    frozen: await frozenFeed(session, record),
    refused: lastRefusals(session).filter(({ author }) => author === record.link.author),
  };
  if (!judged.understood) {
    const { predicateType } = record.statement;
    return { ...about, predicateType, notUnderstood: judged.reason, decision: null };
  }
  const { meaning } = judged;
  if (meaning.kind === 'recipe') return { ...about, meaning, ...(await versionOf(session, { record, meaning })) };
  if (meaning.kind !== 'patch') return { ...about, meaning, decision: null };
  return { ...about, summary: meaning.summary, ...(await decisionOn(session, { record, meaning })) };
}

/** A feed that has stopped at a fork: whose end waits for whom. Null: it goes on. */
async function frozenFeed(session: Session, { link: { author, scope } }: VerifiedRecord) {
  const fork = (await session.store.frozen()).find((feed) => feed.author === author && feed.scope === scope);
  return fork === undefined ? null : { at: fork.at, rivals: await rivalsOf(session, author) };
}

async function decisionOn(session: Session, patch: Known<'patch'>) {
  const base = await baseOf(session, patch);
  const personal = await personalDecision(session, patch.record.id);
  const decision = base ? (await judgeAt(session))(patch, base.changeClass, personal) : null;
  return { changeClass: base?.changeClass ?? null, decision };
}

/** The newest that is called so; what else is called so is not spoken of. */
async function aboutRecipe(session: Session, wanted: string): Promise<object> {
  const newest = (await recipesNamed(session, wanted)).sort((a, b) =>
    comparePositions(b.record.link, a.record.link),
  )[0];
  if (newest === undefined) throw new TypeError('a recipe that is named is there');
  return aboutRecord(session, newest.record);
}

async function versionOf(
  session: Session,
  recipe: { record: VerifiedRecord; meaning: Extract<Meaning, { kind: 'recipe' }> },
) {
  const { digest } = recipe.meaning;
  const decide = await judgeAt(session);
  const all = (await allOf(session, 'patch')).filter(({ meaning }) => meaning.base === digest);
  const patches = [];
  for (const patch of all.slice(0, WHY_PATCHES_MAX)) {
    const base = await baseOf(session, patch);
    const decision = base && decide(patch, base.changeClass, await personalDecision(session, patch.record.id));
    patches.push({
      record: patch.record.id,
      from: nameOf(session, patch.record.link.author),
      summary: patch.meaning.summary,
      changeClass: base?.changeClass ?? null,
      policy: decision?.apply ?? 'unknown base',
    });
  }
  const isMine = recipe.record.link.author === session.identity.author;
  const version = isMine ? { decision: null } : await judgeVersion(session, recipe);
  return { ...version, patches, patchCount: all.length };
}

function refusedAs(session: Session, text: string): readonly ToldRefusal[] {
  const wanted = text.startsWith('sha256:') ? text : `sha256:${text}`;
  if (!/^sha256:[0-9a-f]{6,64}$/.test(wanted)) return [];
  return lastRefusals(session).filter(({ record }) => record?.startsWith(wanted));
}
