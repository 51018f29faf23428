/** The answering side of a sync: what the asker lacks, in the order of each feed, within a budget. */
import { encodeForkProof } from '../../record/fork-proof.ts';
import { positionOf } from '../../record/links.ts';
import type { AuthorId, Scope } from '../../record/types.ts';
import { refusal } from '../codec.ts';
import { RATE_LIMITS, SYNC_MAX_BYTES, SYNC_MAX_MARKS, SYNC_MAX_RECORDS, SYNC_MAX_REMEMBERED_MARKS } from '../limits.ts';
import type { Asker, Protocol } from '../protocol.ts';
import { shippingOf } from './shipping.ts';
import { holdingsOf, signedAtOf } from './context.ts';
import type { SyncContext } from './context.ts';
import { packFrames, planShipments } from './logic.ts';
import type { Mark, Shipment } from './logic.ts';
import { decodeAsk, encodeAnswer, GROUP_SYNC_PROTOCOL, SYNC_PROTOCOL } from './messages.ts';
import type { SyncAsk } from './messages.ts';

/** What the answering side does besides answering. */
export interface AnsweringHooks {
  /** The asker has more than we do. */
  readonly onBehind: (peerId: string) => void;
  /** A name that was never given before, by this run of the node or another. */
  readonly newToken: () => Uint8Array;
}

/** Of the public feeds, to anybody. */
export function syncProtocol(context: SyncContext, hooks: AnsweringHooks): Protocol {
  const ofPublic = (group: Scope | undefined): SyncContext | undefined => (group === undefined ? context : undefined);
  return answering(SYNC_PROTOCOL, context.network, ofPublic, hooks);
}

/** Of a private group's feeds, to its members. Nobody else can tell whether there is such a group here. */
export function groupSyncProtocol(
  network: string,
  contextFor: (group: Scope, asker: Asker) => SyncContext | undefined,
  hooks: AnsweringHooks,
): Protocol {
  const ofGroup = (group: Scope | undefined, asker: Asker): SyncContext | undefined =>
    group === undefined ? undefined : contextFor(group, asker);
  return answering(GROUP_SYNC_PROTOCOL, network, ofGroup, hooks);
}

function answering(
  id: string,
  network: string,
  contextFor: (group: Scope | undefined, asker: Asker) => SyncContext | undefined,
  { onBehind, newToken }: AnsweringHooks,
): Protocol {
  return {
    id,
    limit: RATE_LIMITS.sync,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request, asker) {
      const { peerId } = asker;
      const no = (...said: Parameters<typeof refusal>): Uint8Array =>
        encodeAnswer({ case: 'refusal', value: refusal(...said) });
      const asked = decodeAsk(request);
      if (asked.network !== network) {
        yield no('WRONG_NETWORK', `this node is in ${network}`);
        return;
      }
      if ('tooMany' in asked) {
        yield no('TOO_LARGE', `at most ${SYNC_MAX_MARKS} feeds in one request`);
        return;
      }
      const context = contextFor(asked.group, asker);
      if (context === undefined) {
        yield no('NOT_FOUND', 'this node is in no such group with you');
        return;
      }
      const { scope } = context;
      const before = context.heard.get(peerId);
      if (asked.since !== undefined && !(before !== undefined && Buffer.from(before.token).equals(asked.since))) {
        yield no('FORGOTTEN', 'this node does not remember what was said before');
        return;
      }
      const marks = marksOf(asked, asked.since === undefined ? undefined : before?.marks);
      await context.renewHead();
      const plan = planShipments([...marks.values()], await holdingsOf(context), context.carries, scope);
      const budget: Budget = { records: SYNC_MAX_RECORDS, bytes: SYNC_MAX_BYTES, exceeded: false };
      const whole = new Set<AuthorId>();
      for await (const envelopes of packFrames(ship(context, plan.shipments, budget, marks, whole))) {
        yield encodeAnswer({ case: 'records', value: { $typeName: 'portalgun.sync.v1.Records', envelopes } });
      }
      // Heads come after the records that they speak of: a head by itself makes a feed look behind, or is of an epoch of
      // which the asker has not heard yet.
      const unshipped = new Set(plan.shipments.map(({ author }) => author).filter((author) => !whole.has(author)));
      const heads = plan.newerHeads.filter((author) => !unshipped.has(author));
      for await (const envelopes of packFrames(signedHeads(context, heads, marks))) {
        yield encodeAnswer({ case: 'heads', value: { $typeName: 'portalgun.sync.v1.Heads', envelopes } });
      }
      for (const forked of plan.proofs.length === 0 ? [] : await context.store.frozen()) {
        const { author, at, proof, keyRecords, rivals } = forked;
        if (forked.scope !== scope || !plan.proofs.includes(author)) continue;
        const [a, b] = proof;
        yield encodeAnswer({ case: 'proof', value: Uint8Array.from(encodeForkProof({ a, b, keyRecords })) });
        told(marks, author, { frozen: true, rivals: rivals === null ? 0 : at.recovery });
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
  { store, scope }: SyncContext,
  authors: readonly AuthorId[],
  marks: Map<AuthorId, Mark>,
): AsyncGenerator<Uint8Array> {
  for (const author of authors) {
    const signed = await store.headOf(author, scope);
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

/** `whole`: gets the authors of whom the asker then has all that is here. */
async function* ship(
  { store, scope }: SyncContext,
  shipments: readonly Shipment[],
  budget: Budget,
  marks: Map<AuthorId, Mark>,
  whole: Set<AuthorId>,
): AsyncGenerator<Uint8Array> {
  for (const shipment of shipments) {
    const { contradicts, records } = await shippingOf(store, scope, shipment);
    for await (const { id, envelope, link } of records) {
      if (budget.records === 0 || envelope.length > budget.bytes) {
        budget.exceeded = true;
        return;
      }
      budget.records -= 1;
      budget.bytes -= envelope.length;
      yield envelope;
      told(marks, shipment.author, { ...positionOf(link), id });
    }
    if (!contradicts) whole.add(shipment.author);
  }
}
