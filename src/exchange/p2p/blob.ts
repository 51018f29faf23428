/**
 * `/portalgun/blob/1.0.0`: typed, capped, verified while it streams, and parsed as its type on both sides. The types are
 * arguments; none can carry an image, and what is stored but is not of the asked type is not sent.
 */
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Libp2p, PeerId } from '@libp2p/interface';
import type { Digest } from '../../crypto/digest.ts';
import { RefusedError, UnavailableError } from '../../errors.ts';
import type { RecordStore } from '../store/types.ts';
import { countFrom, decode, digestBytes, digestOf, encode, refusal, refusedBy } from './codec.ts';
import { AnswerSchema, AskSchema } from './generated/blob_pb.ts';
import type { Answer } from './generated/blob_pb.ts';
import {
  BLOB_CHUNK_BYTES,
  BLOB_MAX_ATTEMPTS,
  BLOB_TYPE_MAX_LENGTH,
  FRAME_MAX_BYTES,
  RATE_LIMITS,
  STREAM_TIMEOUT_MS,
} from './limits.ts';
import { answerLimits, asError } from './protocol.ts';
import type { Asker, Protocol } from './protocol.ts';
import type { ExchangeOptions } from './types.ts';
import { ask } from './wire.ts';

export const BLOB_PROTOCOL = '/portalgun/blob/1.0.0';

type BlobTypes = ExchangeOptions['blobTypes'];

export interface BlobContext {
  readonly network: string;
  readonly store: RecordStore;
  readonly types: BlobTypes;
  readonly mayAsk: (asker: Asker) => boolean;
}

export function blobProtocol(context: BlobContext): Protocol {
  return {
    id: BLOB_PROTOCOL,
    limit: RATE_LIMITS.blob,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request, asker) {
      const asked = decode(AskSchema, request);
      const no = (code: Parameters<typeof refusal>[0], detail: string): Uint8Array =>
        encodeAnswer({ case: 'refusal', value: refusal(code, detail) });
      if (!context.mayAsk(asker)) {
        yield no('NOT_ALLOWED', 'this node gives blobs only to peers of its policy');
        return;
      }
      if (asked.network !== context.network) {
        yield no('WRONG_NETWORK', `this node is in ${context.network}`);
        return;
      }
      const type = asked.type.length <= BLOB_TYPE_MAX_LENGTH ? typeOf(context.types, asked.type) : undefined;
      if (type === undefined) {
        yield no('BAD_REQUEST', 'this node knows no such type of blob');
        return;
      }
      const bytes = await context.store.blobs.get(digestOf(asked.digest));
      if (bytes === undefined || !isOfType(type, bytes)) {
        yield no('NOT_FOUND', 'this node has no blob of that type with that digest');
        return;
      }
      const offset = countFrom(asked.offset);
      yield encodeAnswer({
        case: 'start',
        value: { $typeName: 'portalgun.blob.v1.Start', size: BigInt(bytes.length) },
      });
      for (let at = offset; at < bytes.length; at += BLOB_CHUNK_BYTES) {
        yield encodeAnswer({ case: 'chunk', value: bytes.subarray(at, at + BLOB_CHUNK_BYTES) });
      }
    },
  };
}

/**
 * Fetches one blob. Goes on where a stream broke off; what arrives is hashed as it comes, never kept beyond the type's
 * cap, and parsed before it is given.
 *
 * @throws RefusedError `exchange/no-such-blob-type`, `exchange/bad-blob`, `exchange/refused-by-peer`; UnavailableError
 *   `exchange/blob-incomplete`
 */
export async function fetchBlobFrom(
  node: Libp2p,
  peer: PeerId,
  wanted: { readonly network: string; readonly type: string; readonly digest: Digest },
  types: BlobTypes,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const type = requireBlobType(types, wanted.type);
  const partial: Partial = { chunks: [], receivedBytes: 0, hash: createHash('sha256') };
  let trouble: Error | undefined;
  for (let attempt = 0; attempt < BLOB_MAX_ATTEMPTS; attempt += 1) {
    try {
      if (await receive(node, peer, wanted, type.maxBytes, partial, signal))
        return checked(partial, wanted, type, peer);
    } catch (error) {
      // What the peer did wrong or refuses stays so; only a stream that broke is worth another.
      if (signal.aborted || error instanceof RefusedError) throw error;
      trouble = asError(error);
    }
  }
  throw new UnavailableError(
    'exchange/blob-incomplete',
    `${wanted.digest} did not arrive whole from ${peer.toString()}`,
    {
      facts: { ...wanted, receivedBytes: partial.receivedBytes },
      cause: trouble,
    },
  );
}

interface Partial {
  readonly chunks: Uint8Array[];
  receivedBytes: number;
  readonly hash: ReturnType<typeof createHash>;
}

/** @returns whether the blob is whole */
async function receive(
  node: Libp2p,
  peer: PeerId,
  { network, type, digest }: { readonly network: string; readonly type: string; readonly digest: Digest },
  maxBytes: number,
  partial: Partial,
  signal: AbortSignal,
): Promise<boolean> {
  const stream = await node.dialProtocol(peer, BLOB_PROTOCOL, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(STREAM_TIMEOUT_MS)]),
  });
  const offset = BigInt(partial.receivedBytes);
  const request = encode(AskSchema, create(AskSchema, { network, type, digest: digestBytes(digest), offset }));
  let sizeBytes: number | undefined;
  // The cap itself, what frames its chunks, and one frame to say so in.
  const limits = answerLimits(maxBytes + Math.ceil(maxBytes / 1024) + FRAME_MAX_BYTES);
  for await (const frame of ask(stream, request, limits, signal)) {
    const { answer } = decode(AnswerSchema, frame);
    if (answer.case === 'refusal') throw refusedBy(peer.toString(), answer.value);
    if (answer.case === 'start') {
      sizeBytes = countFrom(answer.value.size);
      if (sizeBytes > maxBytes) throw badBlob(peer, digest, `it has ${sizeBytes} bytes; ${type} may have ${maxBytes}`);
    }
    if (answer.case === 'chunk') {
      if (sizeBytes === undefined) throw badBlob(peer, digest, 'it began without its size');
      if (partial.receivedBytes + answer.value.length > sizeBytes)
        throw badBlob(peer, digest, 'it is longer than its size');
      partial.chunks.push(answer.value);
      partial.receivedBytes += answer.value.length;
      partial.hash.update(answer.value);
    }
  }
  return sizeBytes !== undefined && partial.receivedBytes === sizeBytes;
}

function checked(
  partial: Partial,
  wanted: { readonly type: string; readonly digest: Digest },
  type: BlobTypes[string],
  peer: PeerId,
): Uint8Array {
  const digest: Digest = `sha256:${partial.hash.digest('hex')}`;
  if (digest !== wanted.digest) throw badBlob(peer, wanted.digest, `what came has the digest ${digest}`);
  const bytes = Uint8Array.from(Buffer.concat(partial.chunks));
  try {
    type.check(bytes);
  } catch (cause) {
    throw badBlob(peer, wanted.digest, `it is not a ${wanted.type}: ${asError(cause).message}`, cause);
  }
  return bytes;
}

function badBlob(peer: PeerId, digest: Digest, what: string, cause?: unknown): RefusedError {
  return new RefusedError('exchange/bad-blob', `${peer.toString()} sent a wrong blob for ${digest}: ${what}`, {
    facts: { peer: peer.toString(), digest },
    cause,
  });
}

/** @throws RefusedError `exchange/no-such-blob-type` */
export function requireBlobType(types: BlobTypes, name: string): BlobTypes[string] {
  const type = typeOf(types, name);
  if (type !== undefined) return type;
  throw new RefusedError('exchange/no-such-blob-type', `${name} is not a type of blob that may travel`, {
    facts: { type: name, known: Object.keys(types) },
  });
}

/** Own keys only: a peer chooses the name, and every object inherits some. */
function typeOf(types: BlobTypes, name: string): BlobTypes[string] | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

function isOfType(type: BlobTypes[string], bytes: Uint8Array): boolean {
  if (bytes.length > type.maxBytes) return false;
  try {
    type.check(bytes);
    return true;
  } catch {
    // Not an error: what is stored under this digest is something else, and stays here.
    return false;
  }
}

function encodeAnswer(answer: Answer['answer']): Uint8Array {
  return encode(AnswerSchema, { $typeName: 'portalgun.blob.v1.Answer', answer });
}
