/**
 * OpenPGP cleartext signatures (RFC 9580 section 7), as Debian's InRelease files have them.
 *
 * Only the text that the verifier hands back is ever parsed. Around the signed part nothing may stand, because a reader
 * that takes the file as it is would read what nobody signed (threat 33; CVE-2023-41037 was such a case).
 */
import { RefusedError } from '../../errors.ts';
import { BEGIN_SIGNATURE, END_SIGNATURE, readArmored } from './armor.ts';
import { CLOCK_TOLERANCE_MS, MAX_RELEASE_BYTES, MAX_SIGNATURES } from './limits.ts';
import { judgeSignatures, understood, type Judgement, type OpenPgpKey } from './openpgp-judge.ts';

export interface SignedText<K extends OpenPgpKey = OpenPgpKey> extends Judgement<K> {
  /** Exactly what was signed: line ends LF, no white space at line ends. */
  readonly text: string;
}

const BEGIN_MESSAGE = '-----BEGIN PGP SIGNED MESSAGE-----';

/**
 * Verifies `bytes` with `keys` at the time `now`. `what` names the file to a person. Throws `media/signed-text-malformed`, or
 * as `judgeSignatures` does.
 */
export async function verifyCleartext<K extends OpenPgpKey>(
  bytes: Uint8Array,
  { keys }: { readonly keys: readonly K[] },
  now: Date,
  what: string,
): Promise<SignedText<K>> {
  const openpgp = await import('openpgp');
  const wrong = (why: string, cause: unknown) => malformed(what, why, cause);
  const message = await understood(openpgp.readCleartextMessage({ cleartextMessage: frameOf(bytes, what) }), wrong);
  // Counted before any of them is verified.
  const count = message.getSigningKeyIDs().length;
  if (count > MAX_SIGNATURES) throw malformed(what, `it has ${count} signatures, at most ${MAX_SIGNATURES} are read`);
  const { data, signatures } = await understood(
    openpgp.verify({
      message,
      verificationKeys: keys.map(({ key }) => key),
      date: new Date(now.getTime() + CLOCK_TOLERANCE_MS),
    }),
    wrong,
  );
  const { binary, text } = openpgp.enums.signature;
  return {
    text: data,
    ...(await judgeSignatures({ results: signatures, keys, types: [binary, text], now, what })),
  };
}

/** Cuts the file into its frame and makes sure that nothing stands outside of it. */
function frameOf(bytes: Uint8Array, what: string): string {
  if (bytes.length > MAX_RELEASE_BYTES) throw malformed(what, `it is larger than ${MAX_RELEASE_BYTES} bytes`);
  const { armored, lines } = readArmored(bytes, BEGIN_MESSAGE, (why, cause) => malformed(what, why, cause));
  for (const marker of [BEGIN_MESSAGE, BEGIN_SIGNATURE, END_SIGNATURE]) {
    if (lines.filter((line) => line.trim() === marker).length !== 1)
      throw malformed(what, `"${marker}" is in it more or less than once`);
  }
  const blank = lines.indexOf('');
  if (lines.slice(1, blank).some((line) => !line.startsWith('Hash: ')))
    throw malformed(what, 'a header other than "Hash" is in it');
  return armored;
}

function malformed(what: string, why: string, cause?: unknown): RefusedError {
  return new RefusedError('media/signed-text-malformed', `${what} is not one cleartext-signed text: ${why}.`, {
    hint: 'fetch it again, from another mirror if it stays so',
    facts: { what },
    cause,
  });
}
