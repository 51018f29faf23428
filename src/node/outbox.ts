/**
 * What a person publishes gets its place in the feed only after a trusted peer has said how far they have this feed:
 * otherwise a home that was restored from an old backup would sign a second record for a place (threat 8). Until then it
 * waits here, in order, under a provisional id that others waiting here may speak of.
 */
import { access, rm } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '../crypto/canonical.ts';
import { digestHex, isDigest, sha256, type Digest } from '../crypto/digest.ts';
import { recordContentEqual } from '../exchange/record/statement.ts';
import type { Draft } from '../exchange/record/index.ts';
import type { VerifiedRecord } from '../exchange/record/types.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';
import { ownValue } from './own-json.ts';
import { signerOf, type Session } from './session.ts';
import { PUBLIC_SCOPE } from '../exchange/record/feed-link.ts';

export interface Waiting {
  /** Provisional: of the draft, not of a record. */
  readonly id: Digest;
  readonly draft: Draft;
}

export type Published =
  | { readonly record: Digest; readonly seq: number }
  | { readonly record: Digest; readonly seq: null; readonly waiting: true };

const WAITING = 'outbox/';
const ALIAS = 'outbox-record/';
const DIGITS = 12;

/**
 * Publishes now, if that is safe, and otherwise lets it wait. `offline`: the person answers for it that nothing of this
 * feed is anywhere that is not here.
 */
export async function publishOrWait(
  session: Session,
  draft: Draft,
  { offline, signal }: { readonly offline: boolean; readonly signal: AbortSignal },
): Promise<Published> {
  return session.inTurn(async () => {
    if (offline || (await mayPublish(session, signal))) {
      await sendWaiting(session);
      return placed(await append(session, draft));
    }
    return { record: await wait(session, draft), seq: null, waiting: true };
  });
}

/** Gives all that waits its place, if that is safe now. */
export async function flushOutbox(session: Session, signal: AbortSignal): Promise<readonly VerifiedRecord[]> {
  return session.inTurn(async () => {
    if ((await waiting(session)).length === 0 || !(await mayPublish(session, signal))) return [];
    return sendWaiting(session);
  });
}

export async function waiting(session: Pick<Session, 'store'>): Promise<readonly Waiting[]> {
  return (await session.store.notes.list(WAITING)).map(([, value]) => ownValue<Waiting>(value));
}

/** Whether that is the provisional id of a draft that has no place in the feed yet. */
export async function isWaiting(session: Pick<Session, 'store'>, id: Digest | undefined): Promise<boolean> {
  const list = await session.store.notes.list(WAITING);
  return list.some(([, value]) => ownValue<Waiting>(value).id === id);
}

/** The record that a provisional id has become. */
export async function recordOf(session: Pick<Session, 'store'>, id: Digest): Promise<Digest | undefined> {
  const found = await session.store.notes.get(ALIAS + id);
  return isDigest(found) ? found : undefined;
}

/**
 * Whether the next place of the own feed is known. Who has named no peer has nobody who could know more than they do,
 * unless this home was restored.
 */
async function mayPublish(session: Session, signal: AbortSignal): Promise<boolean> {
  const unsure = await isUnsure(session.home);
  const { peers } = await session.policy.current();
  if (!unsure && Object.keys(peers).length === 0) return true;
  if (
    session.exchange === undefined ||
    (await session.exchange.confirmOwnHead(signal, { mayHaveForgotten: unsure })) === null
  ) {
    return false;
  }
  if (unsure) await rm(unsureFile(session.home), { force: true });
  return true;
}

async function sendWaiting(session: Session): Promise<VerifiedRecord[]> {
  const sent: VerifiedRecord[] = [];
  for (const [key, value] of await session.store.notes.list(WAITING)) {
    const { id, draft } = ownValue<Waiting>(value);
    const record = (await newestIf(session, draft)) ?? (await append(session, draft));
    await session.store.notes.put(ALIAS + id, record.id);
    await session.store.notes.delete(key);
    sent.push(record);
  }
  return sent;
}

/** The newest own record, if it says this already: the last attempt ended between the two. */
async function newestIf(session: Session, draft: Draft): Promise<VerifiedRecord | undefined> {
  const head = await session.store.head(session.identity.author, PUBLIC_SCOPE);
  const record = head && (await session.store.get(head.id));
  return record && recordContentEqual(record.statement, await withRecordIds(session, draft)) ? record : undefined;
}

async function append(session: Session, draft: Draft): Promise<VerifiedRecord> {
  const content = await withRecordIds(session, draft);
  const record = await session.store.append(await signerOf(session), PUBLIC_SCOPE, content);
  await session.exchange?.announce(record);
  return record;
}

async function wait(session: Session, draft: Draft): Promise<Digest> {
  const id = sha256(`outbox ${canonicalJson(draft)}`);
  // The same said twice waits once.
  if (await isWaiting(session, id)) return id;
  const list = await session.store.notes.list(WAITING);
  const last = list.at(-1)?.[0].slice(WAITING.length) ?? '0';
  const key = WAITING + String(Number(last) + 1).padStart(DIGITS, '0');
  const entry: Waiting = { id, draft };
  await session.store.notes.put(key, entry);
  return id;
}

/** With the ids of records in place of the provisional ones. */
async function withRecordIds(session: Session, draft: Draft): Promise<Draft> {
  let text = JSON.stringify(draft);
  for (const [hex] of text.matchAll(/[0-9a-f]{64}/g)) {
    const record = await recordOf(session, `sha256:${hex}`);
    if (record !== undefined) text = text.replaceAll(hex, digestHex(record));
  }
  return ownValue<Draft>(JSON.parse(text));
}

function placed(record: VerifiedRecord): Published {
  return { record: record.id, seq: record.link.seq };
}

/** A restored home may be behind itself, whatever policy says: a peer must answer before it signs anything. */
export async function markUnsure(home: Home): Promise<void> {
  await writeFileAtomic(unsureFile(home), 'restored from a backup: no peer has said yet how far this feed is\n');
}

export async function isUnsure(home: Home): Promise<boolean> {
  return access(unsureFile(home)).then(
    () => true,
    () => false, // absent: the ordinary case
  );
}

function unsureFile(home: Home): string {
  return path.join(home.identityDir, 'restored');
}
