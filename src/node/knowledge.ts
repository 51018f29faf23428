/** What the store knows, understood: every record with its meaning, and which feeds are stale. */
import { recordOf } from './outbox.ts';
import { isDigest } from '../crypto/digest.ts';
import { RefusedError, UsageError } from '../errors.ts';
import { comparePositions, freshnessOf, isStoredBesidePin, judge } from '../exchange/record/index.ts';
import type { AuthorId, Meaning, RecordKind, VerifiedRecord } from '../exchange/record/types.ts';
import type { Understood } from '../exchange/trust/index.ts';
import type { Session } from './session.ts';
import { PUBLIC_SCOPE } from '../exchange/record/feed-link.ts';

export type Known<K extends RecordKind> = {
  readonly record: VerifiedRecord;
  readonly meaning: Extract<Meaning, { kind: K }>;
};

/** What these functions need of a session. */
export type Knower = Pick<Session, 'store' | 'identity' | 'policy' | 'now'>;

/** All understood records of a kind. What this version does not understand counts for nothing (docs/records.md). */
export async function allOf<K extends RecordKind>(session: Pick<Knower, 'store'>, kind: K): Promise<Known<K>[]> {
  const found: Known<K>[] = [];
  for await (const record of session.store.all(kind)) {
    // An author may open any number of other feeds, and show each peer another one: only in the public one are forks
    // seen, and only that one's head says whether it is fresh (threat 7).
    if (record.link.scope !== PUBLIC_SCOPE) continue;
    const judged = judge(record);
    if (judged.understood && isKind(judged.meaning, kind)) found.push({ record, meaning: judged.meaning });
  }
  return found;
}

function isKind<K extends RecordKind>(meaning: Meaning, kind: K): meaning is Extract<Meaning, { kind: K }> {
  return meaning.kind === kind;
}

/** Every record that may be a voice for or against something. */
export async function voiceRecords(session: Pick<Knower, 'store'>): Promise<Understood[]> {
  const kinds = ['patch', 'recipe', 'endorsement', 'failure', 'withdrawal'] as const;
  const lists = await Promise.all(kinds.map((kind) => allOf(session, kind)));
  // From a fork on there are two histories, and each node has seen one of them first: neither is a voice (threat 14).
  const forks = (await session.store.frozen()).filter(({ scope }) => scope === PUBLIC_SCOPE);
  const forkOf = new Map(forks.map(({ author, at }) => [author, at]));
  return lists.flat().filter(({ record: { link } }) => {
    const fork = forkOf.get(link.author);
    return fork === undefined || comparePositions(link, fork) < 0;
  });
}

/** Whether its own author has withdrawn a record: nobody else can. */
export async function withdrawnAt(
  session: Pick<Knower, 'store'>,
): Promise<(record: Pick<VerifiedRecord, 'id' | 'link'>) => boolean> {
  const withdrawals = await allOf(session, 'withdrawal');
  const withdrawn = new Set(withdrawals.map(({ record, meaning }) => `${record.link.author} ${meaning.of}`));
  return ({ id, link }) => withdrawn.has(`${link.author} ${id}`);
}

/** Stale: anything but fresh (head.ts). What this node cannot be sure of never counts for anything automatic. */
export async function stalenessAt(session: Knower): Promise<(author: AuthorId) => boolean> {
  const now = session.now();
  const fresh = new Set<AuthorId>([session.identity.author]);
  // Who has signed two histories is believed in neither (threat 7).
  const frozen = new Set((await session.store.frozen()).map(({ author }) => author));
  for (const { id, recovery = [] } of Object.values((await session.policy.current()).peers)) {
    const signed = await session.store.headOf(id, PUBLIC_SCOPE);
    const stored = await session.store.head(id, PUBLIC_SCOPE);
    const keys = session.store.keysOf(id, PUBLIC_SCOPE);
    // Stored before their invitation said which recovery key speaks for them, and it is another one.
    const isTheirs = !keys.revoked && !isStoredBesidePin(recovery, keys);
    if (freshnessOf(signed, stored, now).state === 'fresh' && !frozen.has(id) && isTheirs) fresh.add(id);
  }
  return (author) => !fresh.has(author);
}

/** Takes a whole id, or the beginning of one that only one record has. Rejects with `record/unknown` or `record/ambiguous`. */
export async function findRecord(session: Session, text: string): Promise<VerifiedRecord> {
  const wanted = text.startsWith('sha256:') ? text : `sha256:${text}`;
  if (isDigest(wanted)) {
    // What waited in the outbox was spoken of by a provisional id.
    const record = await session.store.get((await recordOf(session, wanted)) ?? wanted);
    if (record) return record;
  } else if (/^sha256:[0-9a-f]{6,63}$/.test(wanted)) {
    const matches = await recordsStarting(session, wanted);
    if (matches.length === 1) return matches[0]!;
    if (matches.length > 1) {
      throw new UsageError('record/ambiguous', `${matches.length} records begin with ${text}`, {
        hint: 'Give more digits.',
        facts: { ids: matches.map(({ id }) => id) },
      });
    }
  }
  throw new UsageError('record/unknown', `no record ${text} is stored here`, {
    hint: 'portalgun inbox list and portalgun recipe list show ids; portalgun node sync fetches what is new.',
  });
}

async function recordsStarting(session: Session, prefix: string): Promise<VerifiedRecord[]> {
  const kinds: RecordKind[] = ['recipe', 'patch', 'attestation', 'failure', 'endorsement', 'withdrawal', 'key'];
  const found: VerifiedRecord[] = [];
  for (const kind of kinds) {
    for await (const record of session.store.all(kind)) if (record.id.startsWith(prefix)) found.push(record);
  }
  return found;
}

/** The record's meaning. Rejects with `record/not-understood`. */
export function meaningOf(record: VerifiedRecord): Meaning {
  const judged = judge(record);
  if (judged.understood) return judged.meaning;
  throw new RefusedError('record/not-understood', `record ${record.id} is not understood: ${judged.reason}`, {
    hint: 'A newer portalgun may understand it. Until then it counts for nothing.',
  });
}
