/**
 * `/portalgun/blob/1.0.0`: typed, capped, verified while it streams, and parsed as its type on both sides. The types are
 * arguments; none can carry an image, and what is stored but is not of the asked type is not sent.
 */
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Digest } from '../../../crypto/digest.ts';
import { asError, RefusedError, UnavailableError } from '../../../errors.ts';
import type { RecordStore } from '../../store/types.ts';
import { countFrom, decode, digestBytes, digestOf, encode, refusal, refusedBy } from '../codec.ts';
import type { Conversation, Step } from '../conversation.ts';
import { AnswerSchema, AskSchema } from '../generated/blob_pb.ts';
import type { Answer } from '../generated/blob_pb.ts';
import { BLOB_CHUNK_BYTES, BLOB_MAX_ATTEMPTS, BLOB_TYPE_MAX_LENGTH, FRAME_MAX_BYTES, RATE_LIMITS } from '../limits.ts';
import type { Asker, Protocol } from '../protocol.ts';
import type { ExchangeOptions } from '../types.ts';

export const BLOB_PROTOCOL = '/portalgun/blob/1.0.0';

type BlobTypes = ExchangeOptions['blobTypes'];

export interface WantedBlob {
  readonly network: string;
  readonly type: string;
  readonly digest: Digest;
}

export interface BlobContext {
  readonly network: string;
  readonly store: RecordStore;
  readonly types: BlobTypes;
  readonly mayAsk: (asker: Asker) => boolean;
  /** Whether the asker may see a record that names this blob: what nobody has published stays here. */
  readonly maySee: (asker: Asker, digest: Digest) => Promise<boolean>;
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
      const digest = digestOf(asked.digest);
      const bytes = (await context.maySee(asker, digest)) ? await context.store.blobs.get(digest) : undefined;
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
 * Asks for one blob. Goes on where a stream broke off; what arrives is hashed as it comes, never kept beyond the type's
 * cap, and parsed before it is given.
 *
 * Rejects with RefusedError `exchange/no-such-blob-type`, `exchange/bad-blob`, `exchange/refused-by-peer`;
 * UnavailableError `exchange/blob-incomplete`.
 */
export class BlobQuestion implements Conversation<Uint8Array> {
  readonly protocol = BLOB_PROTOCOL;
  readonly answerMaxBytes: number;
  readonly #peer: string;
  readonly #wanted: WantedBlob;
  readonly #type: BlobTypes[string];
  readonly #chunks: Uint8Array[] = [];
  readonly #hash = createHash('sha256');
  #receivedBytes = 0;
  /** As this answer says. */
  #sizeBytes: number | undefined;
  #attempts = 0;
  #trouble: Error | undefined;

  constructor(peer: string, wanted: WantedBlob, types: BlobTypes) {
    this.#peer = peer;
    this.#wanted = wanted;
    this.#type = requireBlobType(types, wanted.type);
    const { maxBytes } = this.#type;
    // The cap itself, what frames its chunks, and one frame to say so in.
    this.answerMaxBytes = maxBytes + Math.ceil(maxBytes / 1024) + FRAME_MAX_BYTES;
  }

  async next(): Promise<Step<Uint8Array>> {
    if (this.#sizeBytes !== undefined && this.#receivedBytes === this.#sizeBytes) return { done: this.#checked() };
    if (this.#attempts === BLOB_MAX_ATTEMPTS) {
      const { digest } = this.#wanted;
      throw new UnavailableError('exchange/blob-incomplete', `${digest} did not arrive whole from ${this.#peer}`, {
        facts: { ...this.#wanted, receivedBytes: this.#receivedBytes },
        cause: this.#trouble,
      });
    }
    this.#attempts += 1;
    this.#sizeBytes = undefined;
    const { network, type, digest } = this.#wanted;
    const offset = BigInt(this.#receivedBytes);
    return { ask: encode(AskSchema, create(AskSchema, { network, type, digest: digestBytes(digest), offset })) };
  }

  async frame(bytes: Uint8Array): Promise<void> {
    const { answer } = decode(AnswerSchema, bytes);
    if (answer.case === 'refusal') throw refusedBy(this.#peer, answer.value);
    if (answer.case === 'start') {
      this.#sizeBytes = countFrom(answer.value.size);
      const { maxBytes } = this.#type;
      if (this.#sizeBytes > maxBytes) {
        throw this.#bad(`it has ${this.#sizeBytes} bytes; ${this.#wanted.type} may have ${maxBytes}`);
      }
    }
    if (answer.case === 'chunk') {
      if (this.#sizeBytes === undefined) throw this.#bad('it began without its size');
      if (this.#receivedBytes + answer.value.length > this.#sizeBytes) throw this.#bad('it is longer than its size');
      this.#chunks.push(answer.value);
      this.#receivedBytes += answer.value.length;
      this.#hash.update(answer.value);
    }
  }

  /** What the peer did wrong or refuses stays so; a stream that broke is worth another. */
  broke(error: Error): void {
    if (error instanceof RefusedError) throw error;
    this.#trouble = error;
  }

  #checked(): Uint8Array {
    const digest: Digest = `sha256:${this.#hash.digest('hex')}`;
    if (digest !== this.#wanted.digest) throw this.#bad(`what came has the digest ${digest}`);
    const bytes = Uint8Array.from(Buffer.concat(this.#chunks));
    try {
      this.#type.check(bytes);
    } catch (cause) {
      throw this.#bad(`it is not a ${this.#wanted.type}: ${asError(cause).message}`, cause);
    }
    return bytes;
  }

  #bad(what: string, cause?: unknown): RefusedError {
    const { digest } = this.#wanted;
    return new RefusedError('exchange/bad-blob', `${this.#peer} sent a wrong blob for ${digest}: ${what}`, {
      facts: { peer: this.#peer, digest },
      cause,
    });
  }
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
export function typeOf(types: BlobTypes, name: string): BlobTypes[string] | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

export function isOfType(type: BlobTypes[string], bytes: Uint8Array): boolean {
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
