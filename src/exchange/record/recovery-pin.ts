/**
 * Recovery keys that an author has named to somebody in advance, in an invitation: "recovery 2 of my feed names this key",
 * where 0 is the opening. Who has stolen a signing key can begin the feed anew, and who has copied a recovery key can make a
 * recovery beside the owner's; to a newcomer these look like the owner's own. Whoever was told before takes neither. Pure.
 */
import { RECOVERIES_MAX } from './limits.ts';
import { authorKeyBytes, isAuthorId, parseAuthorId } from './identity.ts';
import type { FeedKeys } from './feed-keys.ts';
import type { KeyId } from './types.ts';

export interface RecoveryPin {
  /** The number of the recovery whose record names the key; 0: the first record of the feed. */
  readonly recovery: number;
  readonly key: KeyId;
}

const PIN = /^(0|[1-9]\d?)\.([0-9a-f]{64})$/;

/** `0.<64 hex digits>` */
export function formatPin({ recovery, key }: RecoveryPin): string {
  return `${recovery}.${Buffer.from(authorKeyBytes(key)).toString('hex')}`;
}

/** Undefined for what is none; a weak key is none, for nothing that it signs would be the owner's alone. */
export function parsePin(text: string): RecoveryPin | undefined {
  const match = PIN.exec(text);
  const recovery = Number(match?.[1]);
  const id = `ed25519:${match?.[2]}`;
  if (match === null || recovery > RECOVERIES_MAX || !isAuthorId(id) || !isSound(id)) return undefined;
  return { recovery, key: id };
}

function isSound(id: string): boolean {
  try {
    return isAuthorId(parseAuthorId(id));
  } catch {
    return false; // what is wrong with it, nobody asks of a line that was copied
  }
}

/** What an owner tells of a feed with these keys: where it begins, and what the newest recovery names. */
export function pinsOf({ recoveryKeys }: FeedKeys): readonly RecoveryPin[] {
  const last = recoveryKeys.length - 1;
  return [0, last].slice(0, Math.min(recoveryKeys.length, 2)).flatMap((recovery) => {
    const key = recoveryKeys[recovery];
    return typeof key === 'string' ? [{ recovery, key }] : [];
  });
}

/** Whether a recovery of this number, or the opening, is another one than was named. `key`: null where it names none. */
export function isBesidePin(pins: readonly RecoveryPin[], recovery: number, key: KeyId | null): boolean {
  return pins.some((pin) => pin.recovery === recovery && pin.key !== key);
}

/** Whether what is stored of a feed is another branch than the one that was named. */
export function isStoredBesidePin(pins: readonly RecoveryPin[], { recoveryKeys }: FeedKeys): boolean {
  return recoveryKeys.some((key, recovery) => isBesidePin(pins, recovery, key));
}
