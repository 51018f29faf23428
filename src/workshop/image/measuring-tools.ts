/** The measuring VM's packages along apt's signed chain: nothing in it is less verified than an install medium. */
import { FailedError } from '../../errors.ts';
import { type PreparePackagesOptions, preparePackages, unpackPackage, type VerifiedFile } from '../media/index.ts';
import { runTool } from '../media/tool.ts';
import { buildMeasuringTools, MEASURING_PACKAGES, type MeasuringTools, type ToolPackage } from './measure-initramfs.ts';

const KERNEL_METAPACKAGE = 'linux-image-amd64';

/**
 * Fetches, verifies and unpacks them; `cacheDir` keeps the packages and what was made of them. Rejects as `preparePackages`
 * and `buildMeasuringTools` do.
 */
export async function prepareMeasuringTools(
  options: Omit<PreparePackagesOptions, 'packages' | 'closure' | 'locked'>,
): Promise<MeasuringTools> {
  const { signal } = options;
  const prepare = async (packages: readonly string[]): Promise<readonly VerifiedFile[]> =>
    (await preparePackages({ ...options, packages, closure: false })).debs;
  const [metapackage] = await prepare([KERNEL_METAPACKAGE]);
  const kernel = await kernelPackage(metapackage, signal);
  const debs = await prepare([kernel, ...MEASURING_PACKAGES]);
  return buildMeasuringTools({ packages: debs.map((deb) => toolPackage(deb, signal)), cacheDir: options.cacheDir });
}

/** The package that the metapackage depends on: `linux-image-6.1.0-56-amd64`. */
async function kernelPackage(metapackage: VerifiedFile | undefined, signal: AbortSignal | undefined): Promise<string> {
  const { stdout } = await runTool('dpkg-deb', ['--field', metapackage?.path ?? '', 'Depends'], { signal });
  const [name] = /linux-image-\d[a-z0-9.+-]*-amd64/.exec(stdout) ?? [];
  if (name !== undefined) return name;
  throw new FailedError('image/no-kernel-package', `the package ${KERNEL_METAPACKAGE} names no kernel package`, {
    facts: { depends: stdout.trim() },
  });
}

/** What the measuring VM takes from a verified package. */
export function toolPackage(deb: VerifiedFile, signal?: AbortSignal): ToolPackage {
  return {
    name: deb.path,
    sha256: deb.sha256,
    async *files(filter) {
      for await (const entry of unpackPackage(deb, filter, signal)) {
        if (entry.type !== 'file') continue;
        const pieces: Uint8Array[] = [];
        for await (const piece of entry.content) pieces.push(piece);
        yield { path: entry.path, data: Buffer.concat(pieces) };
      }
    },
  };
}
