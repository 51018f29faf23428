/** What the schema cannot say of media: where each comes from, what it is verified by, which go together. */
import { MAX_INLINE_FILE_BYTES } from './limits.ts';
import { filePathProblem, type Say } from './meaning-texts.ts';
import { didYouMean, printable, type Path } from './problems.ts';
import type { Medium, PackageDisk, Recipe, UrlFile } from './types.ts';

/** Media that the machine boots; every other name is a disk of packages. */
const BOOT_MEDIA: readonly string[] = ['kernel', 'initrd', 'iso'];

export function mediaProblems({ media = {}, archives = [] }: Recipe, say: Say): void {
  archives.forEach(({ url }, index) => addressProblem(url, ['archives', index, 'url'], say));
  for (const [name, medium] of Object.entries(media)) {
    const path = ['media', name];
    const boots = BOOT_MEDIA.includes(name);
    if (name === 'firmware') {
      say(path, 'the firmware is no medium of the recipe: "firmware" in machine says which it is', true);
      continue;
    }
    if (boots && 'drive' in medium)
      say([...path, 'drive'], `${name} is in the machine from the beginning, and has no "drive"`, true);
    if (boots && 'layout' in medium)
      say([...path, 'layout'], `${name} is one file: expected package and path, or file, or url`, true);
    if (!boots && !('layout' in medium) && medium.drive === undefined) {
      say(
        path,
        `a medium that is not ${BOOT_MEDIA.join(', ')} is a disk of packages ("layout"), or one file for a "drive": both are missing`,
      );
    }
    foreignFields(medium, path, say);
    if ('package' in medium) filePathProblem(medium.path, [...path, 'path'], say);
    else if ('file' in medium) {
      filePathProblem(medium.file, [...path, 'file'], say);
      if (medium.sha256 === undefined && medium.unverified === undefined) {
        say(path, 'a local file needs its sha256, or "unverified: allow", which is shown in the attestation for ever');
      }
    } else if ('url' in medium) urlProblems(medium, path, say);
    else diskProblems(medium, path, media, say);
  }
  if (media['initrd'] && !media['kernel']) say(['media', 'initrd'], 'an initrd needs a kernel beside it', true);
  if (media['iso'] && media['kernel']) say(['media', 'iso'], 'a machine boots either an iso or a kernel', true);
}

function urlProblems(medium: UrlFile, path: Path, say: Say): void {
  const { url, checksums, signature, signed_by: signedBy, sha256 } = medium;
  addressProblem(url, [...path, 'url'], say);
  addressProblem(signature, [...path, 'signature'], say);
  addressProblem(checksums?.url, [...path, 'checksums', 'url'], say);
  addressProblem(checksums?.signature, [...path, 'checksums', 'signature'], say);
  if (checksums !== undefined && signature !== undefined)
    say([...path, 'signature'], 'the signature is over the list of checksums or over the file, not both', true);
  const isSigned = checksums !== undefined || signature !== undefined;
  if (isSigned && signedBy === undefined) say(path, 'the field "signed_by" is missing: whose signature must it be?');
  if (!isSigned && signedBy !== undefined)
    say([...path, 'signed_by'], 'where is the signature? expected checksums, or signature', true);
  if (!isSigned && sha256 === undefined)
    say(
      path,
      'a file by its address needs what it is verified by: checksums or signature with signed_by, or its sha256',
    );
}

/** Written as it is sent, so that what a person reads is where this machine goes. */
function addressProblem(text: string | undefined, path: Path, say: Say): void {
  if (text === undefined) return;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.href !== text || url.username !== '' || url.password !== '')
    say(
      path,
      `found ${printable(text)}, expected an address as it is sent${url ? `, such as ${printable(url.href)}` : ''}`,
    );
}

function diskProblems(medium: PackageDisk, path: Path, media: Readonly<Record<string, Medium>>, say: Say): void {
  (medium.packages ?? []).forEach((entry, index) => {
    if (typeof entry === 'string') return;
    if (!Object.hasOwn(media, entry.kernel_of)) {
      say(
        [...path, 'packages', index, 'kernel_of'],
        `there is no medium ${printable(entry.kernel_of)}${didYouMean(entry.kernel_of, Object.keys(media))}`,
      );
    }
  });
  for (const [name, content] of Object.entries(medium.files ?? {})) {
    const bytes = Buffer.byteLength(content);
    if (bytes > MAX_INLINE_FILE_BYTES)
      say([...path, 'files', name], `the file has ${bytes} bytes, more than ${MAX_INLINE_FILE_BYTES}`);
  }
}

const MEDIUM_FIELDS: Readonly<Record<'package' | 'file' | 'url' | 'layout', readonly string[]>> = {
  package: ['package', 'path', 'drive'],
  file: ['file', 'sha256', 'unverified', 'drive'],
  url: ['url', 'checksums', 'signature', 'signed_by', 'sha256', 'size', 'hosts', 'drive'],
  layout: ['layout', 'packages', 'closure', 'files'],
};

function foreignFields(medium: Medium, path: Path, say: Say): void {
  const kind = 'package' in medium ? 'package' : 'file' in medium ? 'file' : 'url' in medium ? 'url' : 'layout';
  for (const field of Object.keys(medium)) {
    if (!MEDIUM_FIELDS[kind].includes(field)) say([...path, field], `"${field}" does not go with "${kind}"`, true);
  }
  if (kind === 'package' && (medium as { path?: string }).path === undefined) say(path, 'the field "path" is missing');
}
