/** The words of `/portalgun/sync/1.0.0` (proto/sync.proto) as ours and back. */
import { create } from '@bufbuild/protobuf';
import type { AuthorId, Scope } from '../../record/types.ts';
import { authorBytes, authorFrom, countFrom, decode, digestBytes, digestOf, encode } from '../codec.ts';
import { AnswerSchema, AskSchema, MarkSchema } from '../generated/sync_pb.ts';
import type { Answer, Mark as WireMark } from '../generated/sync_pb.ts';
import { SYNC_MAX_MARKS, SYNC_TOKEN_MAX_BYTES } from '../limits.ts';
import type { Mark, SignedAt } from './logic.ts';

export const SYNC_PROTOCOL = '/portalgun/sync/1.0.0';
/** The same words about the feeds of a private group, between its members. */
export const GROUP_SYNC_PROTOCOL = '/portalgun/group-sync/1.0.0';

export interface SyncAsk {
  readonly network: string;
  readonly marks: readonly Mark[];
  /** The answerer's token, where marks are only those that have changed since. */
  readonly since: Uint8Array | undefined;
  readonly dropped: readonly AuthorId[];
  /** The group that it is about; undefined: the public feeds. */
  readonly group?: Scope | undefined;
}

export function encodeAsk({ network, marks, since, dropped, group }: SyncAsk): Uint8Array {
  return encode(
    AskSchema,
    create(AskSchema, {
      network,
      marks: marks.map(wireMark),
      since: since ?? new Uint8Array(),
      dropped: dropped.map(authorBytes),
      group: group ?? '',
    }),
  );
}

/** A request as far as it can be read; `tooMany` stands for its marks where they are over the limit. */
export function decodeAsk(bytes: Uint8Array): SyncAsk | { readonly network: string; readonly tooMany: true } {
  const { network, marks, since, dropped, group } = decode(AskSchema, bytes);
  if (marks.length > SYNC_MAX_MARKS || dropped.length > SYNC_MAX_MARKS || since.length > SYNC_TOKEN_MAX_BYTES) {
    return { network, tooMany: true };
  }
  return {
    network,
    marks: marks.map(markFrom),
    since: since.length === 0 ? undefined : since,
    dropped: dropped.map(authorFrom),
    group: group === '' ? undefined : group,
  };
}

export function encodeAnswer(answer: Answer['answer']): Uint8Array {
  return encode(AnswerSchema, { $typeName: 'portalgun.sync.v1.Answer', answer });
}

export function decodeAnswer(bytes: Uint8Array): Answer['answer'] {
  return decode(AnswerSchema, bytes).answer;
}

function wireMark(mark: Mark): WireMark {
  return create(MarkSchema, {
    author: authorBytes(mark.author),
    recovery: mark.recovery,
    epoch: mark.epoch,
    seq: BigInt(mark.seq),
    id: mark.id === null ? new Uint8Array() : digestBytes(mark.id),
    headSeq: BigInt(mark.signed?.seq ?? 0),
    headIssuedAt: BigInt(mark.signed?.issuedAt ?? 0),
    frozen: mark.frozen,
    headRecovery: mark.signed?.recovery ?? 0,
    headEpoch: mark.signed?.epoch ?? 0,
    rivals: mark.rivals,
  });
}

function markFrom(mark: WireMark): Mark {
  return {
    author: authorFrom(mark.author),
    recovery: mark.recovery,
    epoch: mark.epoch,
    seq: countFrom(mark.seq),
    id: mark.id.length === 0 ? null : digestOf(mark.id),
    signed: mark.headSeq === 0n ? null : signedFrom(mark),
    frozen: mark.frozen,
    rivals: mark.rivals,
  };
}

function signedFrom({ headRecovery: recovery, headEpoch: epoch, headSeq, headIssuedAt }: WireMark): SignedAt {
  return { recovery, epoch, seq: countFrom(headSeq), issuedAt: countFrom(headIssuedAt) };
}
