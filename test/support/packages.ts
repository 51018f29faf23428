/** Debian's packages for tests, verified as a build's are, out of the cache that all tests share. */
import { UnavailableError } from '../../src/errors.ts';
import { KEYS_FOLDER } from '../../src/node/keys-folder.ts';
import { preparePackages, type VerifiedFile } from '../../src/workshop/media/index.ts';
import { skip } from './skip.ts';
import { TEST_CACHE } from './test-cache.ts';

/** Skips, and says why, where they are not to be had. Without what they depend on. */
export async function packages(context: Mocha.Context, names: readonly string[]): Promise<readonly VerifiedFile[]> {
  try {
    const options = { cacheDir: TEST_CACHE, keysDir: KEYS_FOLDER, clock: () => new Date(), closure: false };
    return (await preparePackages({ ...options, packages: names })).debs;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return skip(context, error.message);
  }
}
