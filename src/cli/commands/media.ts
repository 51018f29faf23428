import { connect } from '../../node/connect.ts';
import { openHome } from '../../node/home.ts';
import { mediaSources } from '../../node/media-sources.ts';
import { findBases } from '../../node/recipe-bases.ts';
import { loadRecipe } from '../../node/recipe-source.ts';
import { resolveRecipe } from '../../recipe/index.ts';
import { downloadNotes } from '../../workshop/media/download-notes.ts';
import { prepareMedia } from '../../workshop/media/index.ts';
import { partialFiles } from '../../workshop/media/partial-file.ts';
import type { VerifiedFile } from '../../workshop/media/types.ts';
import type { Context } from '../context.ts';
import { progressOn } from '../media-progress.ts';
import { bytes, columns, note, printResult, table } from '../output.ts';

/** Fetches what is missing and verifies everything, from the signature down. Exit code 3 where something does not hold. */
export async function fetch(context: Context, reference: string): Promise<undefined> {
  await openHome(context.home);
  const home = await connect(context.home);
  const source = await loadRecipe(reference, home, context.signal);
  const bases = await findBases(source, home, context.signal);
  const media = await prepareMedia({
    recipe: resolveRecipe(
      source.checked,
      {},
      bases.map(({ checked }) => checked),
    ),
    recipeDir: source.folder,
    cacheDir: context.home.cacheDir,
    ...(await mediaSources(context.home)),
    publicOnly: source.file === undefined,
    lock: source.lock,
    clock: () => new Date(),
    signal: context.signal,
    onHost: (host) => note(context, `note: asking ${host} for the first time`),
    ...progressOn(context),
  });
  for (const warning of media.warnings ?? []) note(context, `note: ${warning}`);
  printResult(context, { files: media.files, disks: media.disks, lock: media.lock }, () => [
    ...table(
      ['file', 'size', 'vouched for by'],
      media.files.map((file) => [nameOf(file), bytes(file.sizeBytes), vouchedBy(file)]),
    ),
    '',
    `${media.files.length} files verified.`,
  ]);
  return undefined;
}

/** What came by its address and is here. `media fetch` verifies it again; what is shown here is what it was called. */
export async function list(context: Context): Promise<undefined> {
  const { cacheDir } = context.home;
  const [files, unfinished] = [await downloadNotes(cacheDir), await partialFiles(cacheDir)];
  printResult(context, { files, unfinished }, () => [
    ...table(
      ['file', 'size', 'sha256', 'from'],
      files.map(({ name, sizeBytes, sha256, url }) => [name, bytes(sizeBytes), sha256.slice(0, 12), url]),
      columns(context),
    ),
    ...unfinished.map(
      ({ sizeBytes }) => `${bytes(sizeBytes)} of an unfinished download, which the next try goes on with`,
    ),
  ]);
  return undefined;
}

function nameOf(file: VerifiedFile): string {
  if ('file' in file.proof) return file.proof.file;
  return file.proof.scheme === 'debian-archive'
    ? `${file.proof.package.package} ${file.proof.package.version}`
    : (file.path.split('/').at(-1) ?? file.path);
}

function vouchedBy({ proof }: VerifiedFile): string {
  if (proof.scheme === 'debian-archive') {
    return `Debian archive key ${proof.fingerprint.slice(-16)}, ${proof.suite} of ${proof.releaseDate.slice(0, 10)}`;
  }
  if ('file' in proof) {
    const when = proof.signedAt === undefined ? '' : `, ${proof.signedAt.slice(0, 10)}`;
    return `${proof.scheme} key ${proof.fingerprint.slice(-16)}${when}`;
  }
  return proof.scheme === 'digest' ? 'its digest in the recipe' : 'NOBODY: the recipe allows it unverified';
}
