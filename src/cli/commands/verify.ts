import { readFile } from 'node:fs/promises';
import { DISAGREEMENT_MAX_BYTES } from '../../exchange/record/index.ts';
import { UsageError } from '../../errors.ts';
import { loadConfig } from '../../node/config.ts';
import { connect } from '../../node/connect.ts';
import { hasIdentity } from '../../node/identity-files.ts';
import { verifyFile, type VerifiedFile } from '../../node/verify-file.ts';
import type { Context } from '../context.ts';
import { printResult } from '../output.ts';

/**
 * Checks a record offline: encoding, signature, link and meaning. Exit code 3 where one does not hold. Who signs in a feed
 * that has changed keys is known where that feed is stored; a home without an identity knows first keys.
 */
export async function verify(context: Context, file: string): Promise<undefined> {
  const bytes = await read(file);
  const verified = (await hasIdentity(context.home))
    ? await (
        await connect(context.home)
      ).call<VerifiedFile>('verify', { file: Buffer.from(bytes).toString('base64') }, context.signal)
    : verifyFile(bytes, await loadConfig(context.home));
  printResult(context, verified, () => linesOf(verified));
  return undefined;
}

async function read(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new UsageError('verify/unreadable', `cannot read ${file}`, { cause });
  }
  // Larger than anything that could hold: enough of it to be refused.
  return bytes.subarray(0, DISAGREEMENT_MAX_BYTES + 1);
}

function linesOf(verified: VerifiedFile): string[] {
  if ('disagreement' in verified) {
    const { recipeName, buildKey, sides } = verified.disagreement;
    return [
      `Both signatures hold, and what they sign cannot both be so: ${recipeName}`,
      `build key  ${buildKey}`,
      ...sides.flatMap(({ author, record, manifest }) => [
        `author     ${author}`,
        `  record   ${record}`,
        `  manifest ${manifest}`,
      ]),
      'It shows that one build went wrong, or was made up; not whose.',
    ];
  }
  const { record, author, link, predicateType, subject, meaning, reason } = verified;
  return [
    `The signature holds: ${record}`,
    `author     ${author}`,
    `feed       ${link.scope} of network ${link.network}, record ${link.seq}, epoch ${link.epoch}`,
    `predicate  ${predicateType}`,
    ...subject.map(({ name, digest }) => `subject    ${name} sha256:${digest['sha256'] ?? '?'}`),
    meaning === undefined ? `not understood by this version: ${reason}` : `says       ${meaning.kind}`,
    'Offline it cannot be known whether it is the newest word of its author.',
  ];
}
