/**
 * Detached OpenPGP signatures: `SHA512SUMS.sign` beside `SHA512SUMS`, `archlinux.iso.sig` beside the ISO.
 *
 * Only signatures of exactly these bytes are taken (type 0x00). One of "canonical text" (0x01) would hold for many byte
 * strings that differ in their line ends, and whoever reads the file would read another than was signed.
 */
import type { RefusedError } from '../../errors.ts';
import { BEGIN_SIGNATURE, readArmored } from './armor.ts';
import { CLOCK_TOLERANCE_MS, MAX_SIGNATURE_BYTES, MAX_SIGNATURES } from './limits.ts';
import { judgeSignatures, malformedSignature, understood, type Judgement, type OpenPgpKey } from './openpgp-judge.ts';

/** First bit of every packet (RFC 9580, section 4.2): set in binary files, and in no armored one. */
const PACKET_BIT = 0x80;

/**
 * `content` is read once, piece by piece; on a good verdict it was read to its end. Throws `media/signature-malformed`, or as
 * `judgeSignatures` does.
 */
export async function verifyDetached<K extends OpenPgpKey>(
  content: AsyncIterable<Uint8Array> | Uint8Array,
  signature: Uint8Array,
  keys: readonly K[],
  now: Date,
  what: string,
): Promise<Judgement<K>> {
  const openpgp = await import('openpgp');
  const malformed = (why: string, cause?: unknown) => malformedSignature(what, why, cause);
  if (signature.length > MAX_SIGNATURE_BYTES) throw malformed(`it is larger than ${MAX_SIGNATURE_BYTES} bytes`);
  const isArmored = ((signature[0] ?? 0) & PACKET_BIT) === 0;
  const read = await understood(
    isArmored
      ? openpgp.readSignature({ armoredSignature: frameOf(signature, malformed) })
      : openpgp.readSignature({ binarySignature: signature }),
    malformed,
  );
  if (read.packets.length === 0) throw malformed('there is none in it');
  if (read.packets.length > MAX_SIGNATURES)
    throw malformed(`it has ${read.packets.length} signatures, at most ${MAX_SIGNATURES} are read`);
  const message = await openpgp.createMessage({
    binary: content instanceof Uint8Array ? content : ReadableStream.from(content),
  });
  const { data, signatures } = await understood(
    openpgp.verify({
      message,
      signature: read,
      verificationKeys: keys.map(({ key }) => key),
      date: new Date(now.getTime() + CLOCK_TOLERANCE_MS),
      format: 'binary',
    }),
    malformed,
  );
  const judging = judgeSignatures({ results: signatures, keys, types: [openpgp.enums.signature.binary], now, what });
  // The library hashes what passes on its way to whoever reads `data`. Where it knows none of the keys nothing is to be read.
  const known = signatures.some(({ keyID }) => keys.some(({ key }) => key.getKeys(keyID).length > 0));
  if (known && !(data instanceof Uint8Array)) await Promise.all([judging, drain(data)]);
  return judging;
}

async function drain(stream: { getReader(): { read(): Promise<{ done: boolean }> } }): Promise<void> {
  const reader = stream.getReader();
  while (!(await reader.read()).done);
}

/** One armored block, and nothing else: no text before, between or after, no second block. */
function frameOf(bytes: Uint8Array, wrong: (why: string, cause?: unknown) => RefusedError): string {
  const { armored, lines } = readArmored(bytes, BEGIN_SIGNATURE, wrong);
  if (lines.filter((line) => line.includes('-----')).length !== 2) throw wrong('there is more than one block in it');
  return armored;
}
