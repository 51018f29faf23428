/** The measuring VM's kernel and initramfs, made once for a test run from packages that are verified anew. */
import { join } from 'node:path';
import { tmpdir, userInfo } from 'node:os';
import type { Context } from 'mocha';
import { UnavailableError } from '../../../src/errors.ts';
import { type MeasuringTools, prepareMeasuringTools } from '../../../src/workshop/image/index.ts';
import { needPrograms, skip } from '../../support/skip.ts';

let tools: Promise<MeasuringTools> | undefined;

/** Skips the test, saying why, where the packages, QEMU, or the programs that it makes its disks with are not to be had. */
export async function measuringTools(test: Context, ...programs: readonly string[]): Promise<MeasuringTools> {
  needPrograms(test, 'qemu-system-x86_64', ...programs);
  tools ??= prepareMeasuringTools({
    // Kept between runs: 75 MB of packages. They are verified at each use.
    cacheDir: join(tmpdir(), `portalgun-test-media-${userInfo().uid}`),
    keysDir: join(import.meta.dirname, '../../../keys'),
    clock: () => new Date(),
  });
  try {
    return await tools;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return skip(test, error.message);
  }
}
