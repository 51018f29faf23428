/** Between our words and the generated messages. What comes from outside is checked here and nowhere else. */
import { Buffer } from 'node:buffer';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { digestHex } from '../../crypto/digest.ts';
import type { Digest } from '../../crypto/digest.ts';
import { RefusedError } from '../../errors.ts';
import { authorIdOf, authorKeyBytes } from '../record/identity.ts';
import type { AuthorId } from '../record/types.ts';
import { RefusalCode, RefusalSchema } from './generated/refusal_pb.ts';
import type { Refusal } from './generated/refusal_pb.ts';

const DIGEST_BYTES = 32;

/** @throws RefusedError `exchange/bad-message` */
export function decode<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw badMessage(`it is not a ${schema.typeName}`, cause);
  }
}

export function encode<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): Uint8Array {
  return toBinary(schema, message);
}

export function badMessage(what: string, cause?: unknown): RefusedError {
  return new RefusedError('exchange/bad-message', `a peer sent a message that cannot be read: ${what}`, { cause });
}

export function digestBytes(digest: Digest): Uint8Array {
  return Uint8Array.from(Buffer.from(digestHex(digest), 'hex'));
}

export function digestOf(bytes: Uint8Array): Digest {
  if (bytes.length !== DIGEST_BYTES) throw badMessage(`a digest has ${DIGEST_BYTES} bytes, not ${bytes.length}`);
  return `sha256:${Buffer.from(bytes).toString('hex')}`;
}

export function authorBytes(author: AuthorId): Uint8Array {
  return authorKeyBytes(author);
}

export function authorFrom(bytes: Uint8Array): AuthorId {
  if (bytes.length !== DIGEST_BYTES) throw badMessage(`an author has ${DIGEST_BYTES} bytes, not ${bytes.length}`);
  return authorIdOf(bytes);
}

/** A count from the wire that fits what JavaScript counts exactly. */
export function countFrom(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw badMessage(`${value} is too large`);
  return Number(value);
}

export function refusal(code: keyof typeof RefusalCode, detail: string, retryAfterMs = 0): Refusal {
  return create(RefusalSchema, { code: RefusalCode[code], detail, retryAfterMs });
}

const CODE_NAMES = new Map<number, string>(Object.entries(RefusalCode).map(([name, code]) => [code, name]));
const CONTROL_CHARACTERS = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;

/** A peer's no, as an error of ours. Its text is the peer's: cut, and without control characters. */
export function refusedBy(peer: string, said: Refusal): RefusedError {
  const detail = said.detail.slice(0, 200).replaceAll(CONTROL_CHARACTERS, '?');
  const name = CODE_NAMES.get(said.code) ?? 'UNSPECIFIED';
  return new RefusedError('exchange/refused-by-peer', `${peer} refused: ${detail}`, {
    facts: { peer, reason: name.toLowerCase().replaceAll('_', '-'), retryAfterMs: said.retryAfterMs },
    ...(said.retryAfterMs > 0 ? { hint: `Try again in ${Math.ceil(said.retryAfterMs / 1000)} s.` } : {}),
  });
}
