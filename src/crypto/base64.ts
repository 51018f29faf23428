/**
 * Strict base64 (RFC 4648, section 4): one text for one byte string. `Buffer` skips what it does not know, takes the
 * URL alphabet, and ignores stray bits before the padding, so one value could be written in many ways.
 */
import { RefusedError } from '../errors.ts';

const ALPHABET = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Throws `crypto/bad-base64` for anything but the one canonical text: alphabet, padding, and zero bits before it. */
export function decodeBase64(text: string): Uint8Array {
  if (!ALPHABET.test(text)) throw refusal('a character outside the alphabet, white space, or wrong padding');
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  if (encodeBase64(bytes) !== text) throw refusal('the bits before the padding are not zero');
  return bytes;
}

function refusal(what: string): RefusedError {
  return new RefusedError('crypto/bad-base64', `This is not canonical base64: ${what}.`);
}
