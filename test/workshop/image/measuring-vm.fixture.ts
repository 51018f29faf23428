/** The measuring VM's kernel and initramfs, made once for a test run from packages that are verified anew. */
import type { Context } from 'mocha';
import { UnavailableError } from '../../../src/errors.ts';
import { KEYS_FOLDER } from '../../../src/node/keys-folder.ts';
import { type MeasuringTools, prepareMeasuringTools } from '../../../src/workshop/image/index.ts';
import { needPrograms, skip } from '../../support/skip.ts';
import { TEST_CACHE } from '../../support/test-cache.ts';

let tools: Promise<MeasuringTools> | undefined;

/** Skips the test, saying why, where the packages, QEMU, or the programs that it makes its disks with are not to be had. */
export async function measuringTools(test: Context, ...programs: readonly string[]): Promise<MeasuringTools> {
  needPrograms(test, 'qemu-system-x86_64', ...programs);
  tools ??= prepareMeasuringTools({
    cacheDir: TEST_CACHE,
    keysDir: KEYS_FOLDER,
    clock: () => new Date(),
  });
  try {
    return await tools;
  } catch (error) {
    tools = undefined; // whoever asks next may have more luck with the network
    if (!(error instanceof UnavailableError)) throw error;
    return skip(test, error.message);
  }
}
