/**
 * The two-line form that signify and minisign share, for keys and signatures: a comment that nobody has signed, and one
 * line of base64 that begins with the algorithm and the number of the key.
 */
import { decodeBase64 } from '../../crypto/base64.ts';

export const NUMBER_BYTES = 8;
const COMMENT = 'untrusted comment: ';
/** Of a comment: signify's own limit. */
const MAX_COMMENT_BYTES = 1024;
const LF = 0x0a;

export interface KeyFile {
  /** Signed by nobody: for people only. */
  readonly comment: string;
  /** Two letters. */
  readonly algorithm: string;
  /** Of the key, as 16 hex digits. */
  readonly number: string;
  readonly value: Uint8Array;
  /** All bytes of the second line: what a fingerprint is made of. */
  readonly payload: Uint8Array;
  /** What follows the second line. */
  readonly rest: Uint8Array;
}

/** Throws an Error that says what is wrong. `valueBytes`: the length of what follows the key's number. */
export function readKeyFile(bytes: Uint8Array, valueBytes: number): KeyFile {
  const [first, afterFirst] = lineOf(bytes, MAX_COMMENT_BYTES, 'the first line');
  if (!first.startsWith(COMMENT)) throw new Error(`the first line does not begin with "${COMMENT.trim()}"`);
  const [second, rest] = lineOf(afterFirst, MAX_COMMENT_BYTES, 'the second line');
  const payload = decoded(second, 'the second line');
  const wanted = 2 + NUMBER_BYTES + valueBytes;
  if (payload.length !== wanted) throw new Error(`the second line holds ${payload.length} bytes instead of ${wanted}`);
  return {
    comment: first.slice(COMMENT.length),
    algorithm: Buffer.from(payload.subarray(0, 2)).toString('latin1'),
    number: Buffer.from(payload.subarray(2, 2 + NUMBER_BYTES)).toString('hex'),
    value: payload.subarray(2 + NUMBER_BYTES),
    payload,
    rest,
  };
}

/** One line of printable text that ends with LF alone, and what follows it. */
export function lineOf(bytes: Uint8Array, maxBytes: number, what: string): [line: string, rest: Uint8Array] {
  const end = bytes.subarray(0, maxBytes + 1).indexOf(LF);
  if (end < 0) throw new Error(`${what} is cut off, or has more than ${maxBytes} bytes`);
  let line: string;
  try {
    line = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end));
  } catch {
    throw new Error(`${what} is not UTF-8 text`);
  }
  if (/[\p{Zl}\p{Zp}]|[^\P{Cc}\t]/u.test(line)) throw new Error(`${what} holds control characters`);
  return [line, bytes.subarray(end + 1)];
}

export function decoded(line: string, what: string): Uint8Array {
  try {
    return decodeBase64(line);
  } catch {
    throw new Error(`${what} is not canonical base64`);
  }
}
