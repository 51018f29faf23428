/**
 * What can be done for a batch before its turn comes: records are read, and their signatures are checked on other threads
 * by the keys that are known now. It decides nothing. Each record is judged in order, as if nothing had been done before
 * (judge.ts); where the guess was wrong, since a record before it has changed the key, its signature is checked there.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Digest } from '../../crypto/digest.ts';
import type { PublicKey } from '../../crypto/ed25519.ts';
import { PortalgunError } from '../../errors.ts';
import { parseSealed, readEnvelope, type ParsedRecord, type SealedRecord, type Verifier } from '../record/envelope.ts';
import { opensEpoch, signerOf } from '../record/feed-keys.ts';
import { authorKeyBytes } from '../record/identity.ts';
import { comparePositions } from '../record/links.ts';
import { isRefusal, type Refusal } from '../record/refusal.ts';
import type { AuthorId, Scope } from '../record/types.ts';
import { behindFork } from './answers.ts';
import { JUDGED_PER_TURN, VERIFIED_ASIDE_FROM } from './limits.ts';
import type { Turn } from './turn.ts';

type Follows = (author: AuthorId, scope: Scope) => boolean;

export interface ReadRecord {
  readonly sealed: SealedRecord;
  readonly parsed: ParsedRecord | Refusal;
}

export interface Batch {
  readonly records: readonly (ReadRecord | Refusal)[];
  /** Of their ids, those that are on the disk. */
  readonly known: ReadonlySet<Digest>;
  /** Waits for the checks that are under way, and knows what they said. Never rejects. */
  readonly verifier: Promise<Verifier>;
}

/** In order, JUDGED_PER_TURN at a time. While one batch is judged, other threads have the next one to check. */
export async function* readAhead(turn: Turn, envelopes: readonly Uint8Array[], follows: Follows): AsyncIterable<Batch> {
  let batch: Batch | undefined;
  for (let from = 0; from < envelopes.length; from += JUDGED_PER_TURN) {
    const next = await read(turn, envelopes.slice(from, from + JUDGED_PER_TURN), follows);
    if (batch !== undefined) {
      yield batch;
      await nextTurn();
    }
    batch = next;
  }
  if (batch !== undefined) yield batch;
}

async function read(turn: Turn, envelopes: readonly Uint8Array[], follows: Follows): Promise<Batch> {
  const records = envelopes.map((envelope): ReadRecord | Refusal => {
    const sealed = readEnvelope(envelope);
    return isRefusal(sealed) ? sealed : { sealed, parsed: parseSealed(sealed, turn.memory.network) };
  });
  const known = await turn.stored(records.flatMap((record) => (mayBeStored(turn, record) ? [record.sealed.id] : [])));
  const asked = new Map<Digest, Check>();
  for (const record of envelopes.length < VERIFIED_ASIDE_FROM ? [] : records) {
    if (isRefusal(record) || isRefusal(record.parsed)) continue;
    const { sealed: one, parsed } = record;
    // Of one statement under several signatures, the first: each costs its sender as much as it costs here.
    if (turn.has(one.id, known) || asked.has(one.id)) continue;
    // Who signs a key change is found by reading it, which costs as much as its signature.
    if (opensEpoch(parsed.link)) continue;
    if (!follows(parsed.link.author, parsed.link.scope) || behindFork(turn, parsed) !== undefined) continue;
    const key = signingKey(turn, parsed);
    if (key !== undefined) asked.set(one.id, { key, signed: one.signed, signature: one.dsse.signature });
  }
  return { records, known, verifier: checkAside(turn, [...asked.values()]) };
}

/** No record is stored behind its feed's mark: the disk, for which what is new would have to wait, need not be asked. */
function mayBeStored(turn: Turn, record: ReadRecord | Refusal): record is ReadRecord {
  if (isRefusal(record)) return false;
  if (isRefusal(record.parsed)) return true;
  const mark = turn.mark(record.parsed.link);
  return mark !== undefined && comparePositions(record.parsed.link, mark) <= 0;
}

interface Check {
  readonly key: PublicKey;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function signingKey(turn: Turn, { link, statement }: ParsedRecord): PublicKey | undefined {
  const signer = signerOf(turn.signers(link), link, statement);
  if (typeof signer !== 'string') return undefined;
  try {
    return turn.memory.keys(authorKeyBytes(signer));
  } catch (error) {
    // Said of the record when its turn comes.
    if (error instanceof PortalgunError) return undefined;
    throw error;
  }
}

/** A verifier that remembers, of these very bytes in memory, what was said of them; the one verifier says the rest. */
async function checkAside(turn: Turn, checks: readonly Check[]): Promise<Verifier> {
  const { verifier, verifyAside } = turn.memory;
  if (verifyAside === undefined || checks.length === 0) return verifier;
  const said = new Map<Uint8Array, Check & { readonly holds: boolean }>();
  await Promise.all(
    checks.map(async (check) => {
      const holds = await verifyAside(check.key, check.signed, check.signature);
      if (holds !== undefined) said.set(check.signed, { ...check, holds });
    }),
  );
  return (key, signed, signature) => {
    const check = said.get(signed);
    const isSame = check?.key === key && check.signature === signature;
    return isSame ? check.holds : verifier(key, signed, signature);
  };
}
