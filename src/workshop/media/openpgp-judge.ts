/**
 * What the signatures on a file are worth, once the library has said which of them hold: by which of our keys, made when,
 * and whether that key was good then. The same for cleartext-signed texts and for detached signatures.
 */
import type { PublicKey, Subkey, verify } from 'openpgp';
import { asError, RefusedError } from '../../errors.ts';
import { CLOCK_TOLERANCE_MS } from './limits.ts';

/** An OpenPGP key of keys/. */
export interface OpenPgpKey {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  readonly owner: string;
  readonly key: PublicKey;
}

export interface Signer<K extends OpenPgpKey = OpenPgpKey> {
  readonly key: K;
  readonly signedAt: Date;
}

export interface Judgement<K extends OpenPgpKey = OpenPgpKey> {
  /** The trusted keys whose signatures hold, in the order of the signatures. At least one. */
  readonly signers: readonly Signer<K>[];
  /** For example that a key has expired since it signed. */
  readonly warnings: readonly string[];
}

type VerificationResult = Awaited<ReturnType<typeof verify>>['signatures'][number];

export interface Question<K extends OpenPgpKey> {
  readonly results: readonly VerificationResult[];
  readonly keys: readonly K[];
  /** Kinds of signatures (RFC 9580, section 5.2.1) that mean something on such a file; all others are no signature of it. */
  readonly types: readonly number[];
  readonly now: Date;
  /** Names the file to a person. */
  readonly what: string;
}

/**
 * One good signature by a trusted key is enough, as Debian signs with the keys of several releases. A signature by a
 * trusted key that does not hold is refused even beside a good one, because no honest file has it.
 *
 * Throws `media/bad-signature`, `media/unknown-key`, `media/revoked-key`, `media/expired-key` (the key had expired before it
 * signed), `media/signed-in-future` or `media/signature-malformed`.
 */
export async function judgeSignatures<K extends OpenPgpKey>(question: Question<K>): Promise<Judgement<K>> {
  const { results, keys, types, now, what } = question;
  const signers: Signer<K>[] = [];
  const warnings: string[] = [];
  const refusals: RefusedError[] = [];
  for (const result of results) {
    const trusted = keys.find((candidate) => candidate.key.getKeys(result.keyID).length > 0);
    if (!trusted) {
      // Awaited, so that it is not reported as unhandled: that we do not have its key is no news.
      await result.verified.catch(() => undefined);
      continue;
    }
    const failure = await result.verified.then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    const packet = (await result.signature).packets[0];
    const signedAt = packet?.created ?? null;
    if (!packet || !signedAt)
      throw malformedSignature(what, `the signature by key ${result.keyID.toHex()} has no date`);
    const type = packet.signatureType;
    if (type === null || !types.includes(type))
      throw malformedSignature(what, `the signature by key ${result.keyID.toHex()} is of another kind (${type})`);
    const part = trusted.key.getKeys(result.keyID)[0];
    const refusal = await judge({ trusted, part, signedAt, failure, now, what });
    if (refusal instanceof RefusedError) {
      // A revoked or expired key beside a good one is what key replacement looks like; a false signature never is.
      if (refusal.code === 'media/bad-signature') throw refusal;
      refusals.push(refusal);
      continue;
    }
    if (refusal !== undefined) warnings.push(refusal);
    signers.push({ key: trusted, signedAt });
  }
  if (signers.length > 0) return { signers, warnings: [...warnings, ...refusals.map((refusal) => refusal.message)] };
  throw (
    refusals[0] ??
    unknownKey(
      what,
      results.map(({ keyID }) => keyID.toHex().toUpperCase()),
    )
  );
}

interface Case {
  readonly trusted: OpenPgpKey;
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

/**
 * What the library answers. Whatever it cannot read or look at (a packet cut off, a kind of signature that OpenPGP does not
 * have) is `malformed`: it was given the bytes of a stranger, and nothing else.
 */
export async function understood<T>(
  answer: Promise<T>,
  malformed: (why: string, cause: unknown) => RefusedError,
): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw malformed(asError(cause).message, cause);
  }
}

export function malformedSignature(what: string, why: string, cause?: unknown): RefusedError {
  return new RefusedError('media/signature-malformed', `The signature of ${what} cannot be read: ${why}.`, {
    hint: 'fetch it again, from another mirror if it stays so',
    facts: { what },
    cause,
  });
}

export function unknownKey(what: string, keyIds: readonly string[]): RefusedError {
  const by = keyIds.length === 0 ? 'nobody' : `the key ${keyIds.join(', ')}`;
  return new RefusedError('media/unknown-key', `${what} is signed by ${by}: no key of keys/ has signed it.`, {
    hint: 'keys/README.md says which keys are trusted and how to add one',
    facts: { what, keyIds },
  });
}
