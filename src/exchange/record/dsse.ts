/**
 * DSSE v1 envelopes (github.com/secure-systems-lab/dsse, protocol.md and envelope.md) with exactly one signature, in the
 * two forms that we use: one canonical protobuf encoding on the wire, JSON for files and other tools.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { decodeBase64, encodeBase64 } from '../../crypto/base64.ts';
import { SIGNATURE_BYTES } from '../../crypto/ed25519.ts';
import { isJsonObject, parseStrictJson, type JsonValue } from '../../crypto/strict-json.ts';
import { PortalgunError } from '../../errors.ts';
import { EnvelopeSchema } from './generated/record_pb.ts';
import { isAuthorId } from './identity.ts';
import { ENVELOPE_JSON_MAX_BYTES } from './limits.ts';
import { refuse, type Refusal } from './refusal.ts';

export interface Dsse {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** An author id, or empty. */
  readonly keyid: string;
}

/** An envelope that was read; the bytes of its fields lie in `encoded`. */
export interface ReadDsse extends Dsse {
  /** The whole canonical encoding, shared with nobody else. */
  readonly encoded: Uint8Array;
}

/** What is signed: type and body with their lengths, so that no two pairs give the same bytes. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const header = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(header), payload]);
}

/** The one canonical encoding. */
export function encodeDsse(dsse: Dsse): Uint8Array {
  const { payload, payloadType, signature, keyid } = dsse;
  return toBinary(
    EnvelopeSchema,
    create(EnvelopeSchema, { payload, payloadType, signatures: [{ sig: signature, keyid }] }),
  );
}

/** Reads the canonical encoding and no other. The result shares no memory with `bytes`. */
export function decodeDsse(bytes: Uint8Array, maxBytes: number): ReadDsse | Refusal {
  if (bytes.length > maxBytes) {
    return refuse('too-large', `the envelope has ${bytes.length} bytes, and at most ${maxBytes} are read`);
  }
  const encoded = new Uint8Array(bytes);
  let message;
  try {
    // Unknown fields are dropped here and so are missing from the re-encoding below, which then differs.
    message = fromBinary(EnvelopeSchema, encoded, { readUnknownFields: false });
  } catch {
    // What the decoder found is the sender's affair; the store counts it.
    return refuse('bad-encoding', 'the envelope is not the protobuf message that it should be');
  }
  const [signature, second] = message.signatures;
  if (signature === undefined || second !== undefined) {
    return refuse('bad-encoding', `the envelope has ${message.signatures.length} signatures instead of one`);
  }
  if (signature.sig.length !== SIGNATURE_BYTES) {
    return refuse('bad-encoding', `the signature has ${signature.sig.length} bytes instead of ${SIGNATURE_BYTES}`);
  }
  if (signature.keyid !== '' && !isAuthorId(signature.keyid)) {
    return refuse('bad-encoding', 'the keyid is neither an author id nor empty');
  }
  const { payload, payloadType } = message;
  const dsse: ReadDsse = { payload, payloadType, signature: signature.sig, keyid: signature.keyid, encoded };
  if (Buffer.compare(encodeDsse(dsse), encoded) !== 0) {
    return refuse('bad-encoding', 'the envelope is not in its canonical encoding');
  }
  return dsse;
}

/** DSSE's JSON form of an envelope that `decodeDsse` accepts, for files and other tools. One line, no line end. */
export function dsseToJson(dsse: Dsse): string {
  return JSON.stringify({
    payload: encodeBase64(dsse.payload),
    payloadType: dsse.payloadType,
    signatures: [{ keyid: dsse.keyid, sig: encodeBase64(dsse.signature) }],
  });
}

/**
 * The canonical encoding of an envelope in JSON form. Fields that DSSE does not know are left out, as it asks, and so is a
 * keyid that is no author id: a hint, which other tools fill in their own way, and nothing that is signed.
 */
export function dsseFromJson(json: Uint8Array): Uint8Array | Refusal {
  let value: JsonValue;
  try {
    value = parseStrictJson(json, { maxBytes: ENVELOPE_JSON_MAX_BYTES, maxDepth: 8 });
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    return refuse(error.code === 'crypto/json-too-large' ? 'too-large' : 'bad-encoding', error.message);
  }
  if (!isJsonObject(value)) return refuse('bad-encoding', 'the envelope is not a JSON object');
  const { payload, payloadType, signatures } = value;
  if (typeof payload !== 'string' || typeof payloadType !== 'string' || !Array.isArray(signatures)) {
    return refuse('bad-encoding', 'the envelope needs payload, payloadType and signatures');
  }
  const [signature, second]: readonly JsonValue[] = signatures;
  if (signature === undefined || second !== undefined) {
    return refuse('bad-encoding', `the envelope has ${signatures.length} signatures instead of one`);
  }
  if (!isJsonObject(signature) || typeof signature['sig'] !== 'string') {
    return refuse('bad-encoding', 'the signature needs a field sig');
  }
  const keyid = signature['keyid'] ?? '';
  if (typeof keyid !== 'string') return refuse('bad-encoding', 'the keyid is not a string');
  try {
    return encodeDsse({
      payload: decodeBase64(payload),
      payloadType,
      signature: decodeBase64(signature['sig']),
      keyid: isAuthorId(keyid) ? keyid : '',
    });
  } catch (error) {
    if (error instanceof PortalgunError) return refuse('bad-encoding', error.message);
    throw error;
  }
}
