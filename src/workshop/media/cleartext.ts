/**
 * OpenPGP cleartext signatures (RFC 9580 section 7), as Debian's InRelease files have them.
 *
 * Only the text that the verifier hands back is ever parsed. Around the signed part nothing may stand, because a reader
 * that takes the file as it is would read what nobody signed (threat 33; CVE-2023-41037 was such a case).
 */
import type { PublicKey, Subkey } from 'openpgp';
import { RefusedError } from '../../errors.ts';
import { CLOCK_TOLERANCE_MS, MAX_RELEASE_BYTES, MAX_SIGNATURES } from './limits.ts';
import type { Keyring, TrustedKey } from './keyring.ts';

export interface SignedText {
  /** Exactly what was signed: line ends LF, no white space at line ends. */
  readonly text: string;
  /** The trusted keys whose signatures hold, in the order of the signatures. At least one. */
  readonly signers: readonly Signer[];
  /** For example that a key has expired since it signed. */
  readonly warnings: readonly string[];
}

export interface Signer {
  readonly key: TrustedKey;
  readonly signedAt: Date;
}

const BEGIN_MESSAGE = '-----BEGIN PGP SIGNED MESSAGE-----';
const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const END_SIGNATURE = '-----END PGP SIGNATURE-----';

/**
 * Verifies `bytes` with the keys of `keyring` at the time `now`. `what` names the file to a person.
 *
 * One good signature by a trusted key is enough, as Debian signs with the keys of several releases. A signature by a
 * trusted key that does not hold is refused even beside a good one, because no honest file has it.
 *
 * Throws `media/signed-text-malformed`, `media/bad-signature`, `media/unknown-key`, `media/revoked-key`,
 * `media/expired-key` (the key had expired before it signed) or `media/signed-in-future`.
 */
export async function verifyCleartext(
  bytes: Uint8Array,
  keyring: Keyring,
  now: Date,
  what: string,
): Promise<SignedText> {
  const openpgp = await import('openpgp');
  const armored = frameOf(bytes, what);
  let message: Awaited<ReturnType<typeof openpgp.readCleartextMessage>>;
  try {
    message = await openpgp.readCleartextMessage({ cleartextMessage: armored });
  } catch (cause) {
    throw malformed(what, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const keyIds = message.getSigningKeyIDs();
  if (keyIds.length > MAX_SIGNATURES)
    throw malformed(what, `it has ${keyIds.length} signatures, at most ${MAX_SIGNATURES} are read`);
  const { data, signatures } = await openpgp.verify({
    message,
    verificationKeys: keyring.keys.map((trusted) => trusted.key),
    date: new Date(now.getTime() + CLOCK_TOLERANCE_MS),
  });

  const signers: Signer[] = [];
  const warnings: string[] = [];
  const refusals: RefusedError[] = [];
  for (const result of signatures) {
    const keyId = result.keyID.toHex();
    const trusted = keyring.keys.find((candidate) => candidate.key.getKeys(result.keyID).length > 0);
    if (!trusted) continue;
    const signedAt = (await result.signature).packets[0]?.created ?? null;
    if (!signedAt) throw malformed(what, `the signature by key ${keyId} has no date`);
    const failure = await result.verified.then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    const refusal = await judge({ trusted, part: trusted.key.getKeys(result.keyID)[0], signedAt, failure, now, what });
    if (refusal instanceof RefusedError) {
      // A revoked or expired key beside a good one is what key replacement looks like; a false signature never is.
      if (refusal.code === 'media/bad-signature') throw refusal;
      refusals.push(refusal);
      continue;
    }
    if (refusal !== undefined) warnings.push(refusal);
    signers.push({ key: trusted, signedAt });
  }
  if (signers.length > 0) {
    return { text: data, signers, warnings: [...warnings, ...refusals.map((refusal) => refusal.message)] };
  }
  throw (
    refusals[0] ??
    unknownKey(
      what,
      keyIds.map((id) => id.toHex().toUpperCase()),
    )
  );
}

/** Cuts the file into its frame and makes sure that nothing stands outside of it. */
function frameOf(bytes: Uint8Array, what: string): string {
  if (bytes.length > MAX_RELEASE_BYTES) throw malformed(what, `it is larger than ${MAX_RELEASE_BYTES} bytes`);
  let armored: string;
  try {
    armored = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed(what, 'it is not UTF-8 text', cause);
  }
  const lines = armored.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  while (lines.at(-1) === '') lines.pop();
  if (lines[0] !== BEGIN_MESSAGE) throw malformed(what, 'text stands before the signed part, or there is none');
  if (lines.at(-1) !== END_SIGNATURE) throw malformed(what, 'text stands after the signature, or the file is cut off');
  for (const marker of [BEGIN_MESSAGE, BEGIN_SIGNATURE, END_SIGNATURE]) {
    if (lines.filter((line) => line.trim() === marker).length !== 1)
      throw malformed(what, `"${marker}" is in it more or less than once`);
  }
  const blank = lines.indexOf('');
  if (lines.slice(1, blank).some((line) => !line.startsWith('Hash: ')))
    throw malformed(what, 'a header other than "Hash" is in it');
  return armored;
}

interface Case {
  readonly trusted: TrustedKey;
  /** The primary key or subkey that made the signature. */
  readonly part: PublicKey | Subkey | undefined;
  readonly signedAt: Date;
  /** Why the library does not accept the signature; undefined if it does. */
  readonly failure: string | undefined;
  readonly now: Date;
  readonly what: string;
}

/** Undefined: good. A string: good with a warning. An error: not good. The dates are in the messages. */
async function judge({
  trusted,
  part,
  signedAt,
  failure,
  now,
  what,
}: Case): Promise<RefusedError | string | undefined> {
  const { key, owner, fingerprint } = trusted;
  const facts = { what, fingerprint, signedAt: signedAt.toISOString() };
  const name = `${fingerprint} (${owner})`;
  const revoked = await revokedAt(key, part);
  if (revoked !== undefined) {
    return new RefusedError(
      'media/revoked-key',
      `${what} is signed by the key ${name}, which was revoked on ${day(revoked)}; the signature is of ${day(signedAt)}.`,
      {
        hint: 'update keys/ from a newer portalgun, and renew the package lists',
        facts: { ...facts, revokedAt: revoked.toISOString() },
      },
    );
  }
  const expires = await expiresAt(key, part, now);
  if (expires.getTime() <= signedAt.getTime()) {
    return new RefusedError(
      'media/expired-key',
      `${what} was signed on ${day(signedAt)} by the key ${name}, which had expired on ${day(expires)}.`,
      {
        hint: 'update keys/ from a newer portalgun: the key may have been prolonged',
        facts: { ...facts, expiredAt: expires.toISOString() },
      },
    );
  }
  if (signedAt.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    return new RefusedError(
      'media/signed-in-future',
      `${what} was signed on ${signedAt.toISOString()}, but it is ${now.toISOString()} here.`,
      {
        hint: "set this machine's clock",
        facts,
      },
    );
  }
  if (failure !== undefined) {
    return new RefusedError('media/bad-signature', `${what} does not carry a valid signature of ${name}: ${failure}.`, {
      hint: 'the file was changed or damaged after it was signed: fetch it again, from another mirror if it stays so',
      facts,
    });
  }
  if (expires.getTime() <= now.getTime()) {
    return `${what} was signed on ${day(signedAt)} by the key ${name}, which has expired since, on ${day(expires)}.`;
  }
  return undefined;
}

async function revokedAt(key: PublicKey, part: PublicKey | Subkey | undefined): Promise<Date | undefined> {
  if (await key.isRevoked()) return key.revocationSignatures[0]?.created ?? key.getCreationTime();
  if (!part || !('bindingSignatures' in part)) return undefined;
  for (const binding of part.bindingSignatures) {
    if (await part.isRevoked(binding, key.keyPacket))
      return part.revocationSignatures[0]?.created ?? part.getCreationTime();
  }
  return undefined;
}

const NEVER = new Date(8.64e15);

/** The earlier of the primary key's and the subkey's end. */
async function expiresAt(key: PublicKey, part: PublicKey | Subkey | undefined, now: Date): Promise<Date> {
  const ends: (Date | number | null)[] = [await key.getExpirationTime()];
  // By the newest binding, as a key may have been prolonged. No valid binding at all makes the signature bad elsewhere.
  if (part && 'bindingSignatures' in part) ends.push(await part.getExpirationTime(now));
  const times = ends.map((end) => (end instanceof Date ? end.getTime() : NEVER.getTime()));
  return new Date(Math.min(...times));
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function malformed(what: string, why: string, cause?: unknown): RefusedError {
  return new RefusedError('media/signed-text-malformed', `${what} is not one cleartext-signed text: ${why}.`, {
    hint: 'fetch it again, from another mirror if it stays so',
    facts: { what },
    cause,
  });
}

function unknownKey(what: string, keyIds: readonly string[]): RefusedError {
  const by = keyIds.length === 0 ? 'nobody' : `the key ${keyIds.join(', ')}`;
  return new RefusedError('media/unknown-key', `${what} is signed by ${by}: no key of keys/ has signed it.`, {
    hint: 'keys/README.md says which keys are trusted and how to add one',
    facts: { what, keyIds },
  });
}
