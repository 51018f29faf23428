import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { DISAGREEMENT_MAX_BYTES, KEY_FILE_MAX_BYTES, type VerifiedExport } from '../../exchange/record/index.ts';
import { UsageError } from '../../errors.ts';
import { loadConfig } from '../../node/config.ts';
import { connect } from '../../node/connect.ts';
import { checkBeside, type CheckedFile } from '../../node/check-export.ts';
import { attestationBeside } from '../../node/export-image.ts';
import { hasIdentity } from '../../node/identity-files.ts';
import { verifyFile, type VerifiedFile } from '../../node/verify-file.ts';
import type { Context } from '../context.ts';
import { note, printResult } from '../output.ts';

/**
 * Checks a record offline: encoding, signature, link and meaning; or what goes with an exported file, and the files. Exit code
 * 3 where one does not hold. Who signs in a feed that has changed keys is known where that feed is stored, or from the key records given
 * with `--keys`, which alone count then; a home without an identity knows first keys.
 */
export async function verify(context: Context, given: string, flags: { readonly keys?: string }): Promise<undefined> {
  const attested = await isThere(attestationBeside(given));
  const file = attested ? attestationBeside(given) : given;
  const verified = await check(context, await read(file, DISAGREEMENT_MAX_BYTES), flags.keys);
  if ('export' in verified) {
    const exported = attested ? given : path.join(path.dirname(file), verified.export.file.name);
    const files = await checkBeside(exported, verified.export, {
      signal: context.signal,
      onFile: (name) => note(context, `hashing ${name}`),
    });
    printResult(context, { ...verified, files }, () => exportLines(verified.export, files));
    return undefined;
  }
  printResult(context, verified, () => linesOf(verified));
  return undefined;
}

async function check(context: Context, bytes: Uint8Array, keys: string | undefined): Promise<VerifiedFile> {
  if (keys !== undefined) {
    const { network } = await loadConfig(context.home);
    return verifyFile(bytes, { network }, await read(keys, KEY_FILE_MAX_BYTES));
  }
  if (!(await hasIdentity(context.home))) return verifyFile(bytes, await loadConfig(context.home));
  const home = await connect(context.home);
  return home.call<VerifiedFile>('verify', { file: Buffer.from(bytes).toString('base64') }, context.signal);
}

/** Its beginning: of what is larger than anything that could hold, enough to be refused. */
async function read(file: string, maxBytes: number): Promise<Uint8Array> {
  try {
    await using handle = await open(file, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes + 1));
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw new UsageError('verify/unreadable', `cannot read ${file}`, { cause });
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false, // then what was given is looked at
  );
}

function exportLines({ author, format, file, meaning }: VerifiedExport, files: readonly CheckedFile[]): string[] {
  const missing = files.filter(({ state }) => state === 'missing');
  return [
    `The signature holds: ${meaning.recipeName}, exported as ${format}`,
    `author     ${author}`,
    `build key  ${meaning.buildKey}`,
    `manifest   ${meaning.manifest}`,
    `${format.padEnd(10)} ${file.sha256}`,
    ...files.map(({ file: name, state }) => `${state === 'holds' ? 'holds      ' : 'not here   '}${name}`),
    ...(missing.length === 0
      ? []
      : ['What is not here has not been checked; sha256sum can, against the digests above.']),
    'Offline it cannot be known whether its author still stands by it.',
  ];
}

function linesOf(verified: Exclude<VerifiedFile, { readonly export: unknown }>): string[] {
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
  const { record, author, link, predicateType, subject, meaning, reason, keys } = verified;
  return [
    `The signature holds: ${record}`,
    `author     ${author}`,
    `feed       ${link.scope} of network ${link.network}, record ${link.seq}, epoch ${link.epoch}`,
    `predicate  ${predicateType}`,
    ...subject.map(({ name, digest }) => `subject    ${name} sha256:${digest['sha256'] ?? '?'}`),
    meaning === undefined ? `not understood by this version: ${reason}` : `says       ${meaning.kind}`,
    ...(keys === undefined
      ? []
      : [
          `keys       ${keys.records} records about them lead from the author id to ${keys.signer}`,
          'Whether its author has shown somebody else other keys, a file cannot say.',
        ]),
    'Offline it cannot be known whether it is the newest word of its author.',
  ];
}
