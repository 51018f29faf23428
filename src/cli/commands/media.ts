import { connect } from '../../node/connect.ts';
import { KEYS_FOLDER } from '../../node/keys-folder.ts';
import { openHome } from '../../node/home.ts';
import { findBases } from '../../node/recipe-bases.ts';
import { loadRecipe } from '../../node/recipe-source.ts';
import { resolveRecipe } from '../../recipe/index.ts';
import { prepareMedia } from '../../workshop/media/index.ts';
import type { VerifiedFile } from '../../workshop/media/types.ts';
import type { Context } from '../context.ts';
import { bytes, note, printResult, table } from '../output.ts';

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
    keysDir: KEYS_FOLDER,
    lock: source.lock,
    clock: () => new Date(),
    signal: context.signal,
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

function nameOf(file: VerifiedFile): string {
  return file.proof.scheme === 'debian-archive'
    ? `${file.proof.package.package} ${file.proof.package.version}`
    : (file.path.split('/').at(-1) ?? file.path);
}

function vouchedBy({ proof }: VerifiedFile): string {
  if (proof.scheme === 'debian-archive') {
    return `Debian archive key ${proof.fingerprint.slice(-16)}, ${proof.suite} of ${proof.releaseDate.slice(0, 10)}`;
  }
  return proof.scheme === 'digest' ? 'its digest in the recipe' : 'NOBODY: the recipe allows it unverified';
}
