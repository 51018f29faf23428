/** The answering side of a sync: what the asker lacks, in the order of each feed, within a budget. */
import type { Digest } from '../../crypto/digest.ts';
import { openingOfRecovery } from '../record/feed-keys.ts';
import { encodeForkProof } from '../record/fork-proof.ts';
import { BRANCH_MAX_RECORDS } from '../record/limits.ts';
import { comparePositions, positionOf } from '../record/links.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import type { OwnStore } from '../store/types.ts';
import { refusal } from './codec.ts';
import {
  RATE_LIMITS,
  SYNC_MAX_BYTES,
  SYNC_MAX_MARKS,
  SYNC_MAX_RECORDS,
  SYNC_MAX_REMEMBERED_MARKS,
  SYNC_READ_RECORDS,
} from './limits.ts';
import type { Protocol } from './protocol.ts';
import { holdingsOf, signedAtOf } from './sync-context.ts';
import type { SyncContext } from './sync-context.ts';
import { packFrames, planShipments, PUBLIC_SCOPE } from './sync-logic.ts';
import type { Mark, Shipment } from './sync-logic.ts';
import { decodeAsk, encodeAnswer, SYNC_PROTOCOL } from './sync-messages.ts';
import type { SyncAsk } from './sync-messages.ts';

/** What the answering side does besides answering. */
export interface AnsweringHooks {
  /** The asker has more than we do. */
  readonly onBehind: (peerId: string) => void;
  /** A name that was never given before, by this run of the node or another. */
  readonly newToken: () => Uint8Array;
}

export function syncProtocol(context: SyncContext, { onBehind, newToken }: AnsweringHooks): Protocol {
  return {
    id: SYNC_PROTOCOL,
    limit: RATE_LIMITS.sync,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request, { peerId }) {
      const no = (...said: Parameters<typeof refusal>): Uint8Array =>
        encodeAnswer({ case: 'refusal', value: refusal(...said) });
      const asked = decodeAsk(request);
      if (asked.network !== context.network) {
        yield no('WRONG_NETWORK', `this node is in ${context.network}`);
        return;
      }
      if ('tooMany' in asked) {
        yield no('TOO_LARGE', `at most ${SYNC_MAX_MARKS} feeds in one request`);
        return;
      }
      const before = context.heard.get(peerId);
      if (asked.since !== undefined && !(before !== undefined && Buffer.from(before.token).equals(asked.since))) {
        yield no('FORGOTTEN', 'this node does not remember what was said before');
        return;
      }
      const marks = marksOf(asked, asked.since === undefined ? undefined : before?.marks);
      await context.renewHead();
      const plan = planShipments([...marks.values()], await holdingsOf(context), context.carries);
      const budget: Budget = { records: SYNC_MAX_RECORDS, bytes: SYNC_MAX_BYTES, exceeded: false };
      for await (const envelopes of packFrames(ship(context.store, plan.shipments, budget, marks))) {
        yield encodeAnswer({ case: 'records', value: { $typeName: 'portalgun.sync.v1.Records', envelopes } });
      }
      // Heads come after the records that they speak of: a head by itself makes a feed look behind.
      for await (const envelopes of packFrames(signedHeads(context.store, plan.newerHeads, marks))) {
        yield encodeAnswer({ case: 'heads', value: { $typeName: 'portalgun.sync.v1.Heads', envelopes } });
      }
      for (const { author, scope, proof, keyRecords } of plan.proofs.length === 0 ? [] : await context.store.frozen()) {
        if (scope !== PUBLIC_SCOPE || !plan.proofs.includes(author)) continue;
        const [a, b] = proof;
        yield encodeAnswer({ case: 'proof', value: Uint8Array.from(encodeForkProof({ a, b, keyRecords })) });
        told(marks, author, { frozen: true });
      }
      let token = new Uint8Array();
      if (marks.size <= SYNC_MAX_REMEMBERED_MARKS) {
        token = Uint8Array.from(newToken());
        context.heard.put(peerId, { token, marks, exchanges: 0 });
      }
      yield encodeAnswer({
        case: 'end',
        value: { $typeName: 'portalgun.sync.v1.End', more: budget.exceeded, token },
      });
      if (plan.behind.length > 0) onBehind(peerId);
    },
  };
}

/** All that the asker has said, by now. Of two marks for one author the first counts. */
function marksOf(asked: SyncAsk, before: ReadonlyMap<AuthorId, Mark> | undefined): Map<AuthorId, Mark> {
  const marks = new Map(before);
  for (const author of asked.dropped) marks.delete(author);
  for (const mark of asked.marks.toReversed()) marks.set(mark.author, mark);
  return marks;
}

/** What was sent counts as received: the asker says so where it was not. */
function told(marks: Map<AuthorId, Mark>, author: AuthorId, what: Partial<Mark>): void {
  const mark = marks.get(author);
  if (mark !== undefined) marks.set(author, { ...mark, ...what });
}

async function* signedHeads(
  store: OwnStore,
  authors: readonly AuthorId[],
  marks: Map<AuthorId, Mark>,
): AsyncGenerator<Uint8Array> {
  for (const author of authors) {
    const signed = await store.headOf(author, PUBLIC_SCOPE);
    if (signed === undefined) continue;
    yield signed.envelope;
    told(marks, author, { signed: signedAtOf(signed) });
  }
}

interface Budget {
  records: number;
  bytes: number;
  exceeded: boolean;
}

async function* ship(
  store: OwnStore,
  shipments: readonly Shipment[],
  budget: Budget,
  marks: Map<AuthorId, Mark>,
): AsyncGenerator<Uint8Array> {
  for (const shipment of shipments) {
    for await (const { id, envelope, link } of recordsOf(store, shipment)) {
      if (id === shipment.known) continue;
      if (budget.records === 0 || envelope.length > budget.bytes) {
        budget.exceeded = true;
        return;
      }
      budget.records -= 1;
      budget.bytes -= envelope.length;
      yield envelope;
      told(marks, shipment.author, { ...positionOf(link), id });
    }
  }
}

async function* recordsOf(store: OwnStore, shipment: Shipment): AsyncGenerator<VerifiedRecord> {
  const { author, before, known, recovery } = shipment;
  let { after } = shipment;
  if (recovery !== null) {
    const held = { ...after, seq: after.seq + 1 };
    const onBranch = known === null || (await store.idAt(author, PUBLIC_SCOPE, held)) === known;
    if (!onBranch || recovery.frozen) {
      const opening = openingOfRecovery(store.keysOf(author, PUBLIC_SCOPE), recovery.number);
      const opened = opening?.opened && (await store.get(opening.opened.id));
      if (!opened) return;
      yield opened;
      yield* backwards(store, opened, known);
      after = positionOf(opened.link);
    }
  }
  for (;;) {
    const records = await store.range(author, PUBLIC_SCOPE, after, SYNC_READ_RECORDS);
    for (const record of records) {
      if (before !== null && comparePositions(record.link, before) >= 0) return;
      yield record;
    }
    const last = records.at(-1);
    if (last === undefined) return;
    after = positionOf(last.link);
  }
}

/**
 * What a recovery keeps, newest first, for who is on another branch, down to the record that they have if it is one of
 * these: the recovery vouches for each by the one after it (store/pending.ts).
 */
async function* backwards(store: OwnStore, from: VerifiedRecord, known: Digest | null): AsyncGenerator<VerifiedRecord> {
  let { prev } = from.link;
  for (let count = 0; prev !== null && prev !== known && count < BRANCH_MAX_RECORDS; count += 1) {
    const record = await store.get(prev);
    if (record === undefined) return;
    yield record;
    ({ prev } = record.link);
  }
}
