/** The recovery key as a person copies it: groups of eight hex digits, the last one a checksum. */
import { createHash } from 'node:crypto';
import { SEED_BYTES } from '../crypto/ed25519.ts';
import { UsageError } from '../errors.ts';

const CHECKSUM_DIGITS = 8;

export function formatRecoveryKey(seed: Uint8Array): string {
  const hex = Buffer.from(seed).toString('hex');
  return (hex + checksum(seed)).match(/.{8}/g)!.join('-');
}

/** As it was written down: upper or lower case, with hyphens, blanks, or neither. Throws `identity/bad-recovery-key`. */
export function parseRecoveryKey(text: string): Uint8Array {
  const digits = text.replaceAll(/[\s-]/g, '').toLowerCase();
  const wanted = SEED_BYTES * 2 + CHECKSUM_DIGITS;
  if (!/^[0-9a-f]*$/.test(digits) || digits.length !== wanted) {
    throw bad(`it has ${digits.length} digits of ${wanted}, or one that is none of 0-9 and a-f`);
  }
  const seed = Uint8Array.from(Buffer.from(digits.slice(0, SEED_BYTES * 2), 'hex'));
  if (checksum(seed) !== digits.slice(SEED_BYTES * 2)) throw bad('its last group does not fit the others');
  return seed;
}

function checksum(seed: Uint8Array): string {
  const sum = createHash('sha256').update('portalgun recovery key').update(seed);
  return sum.digest('hex').slice(0, CHECKSUM_DIGITS);
}

function bad(what: string): UsageError {
  return new UsageError('identity/bad-recovery-key', `This is not a recovery key: ${what}.`, {
    hint: 'Compare it with the paper, group by group: nine groups of eight.',
  });
}
