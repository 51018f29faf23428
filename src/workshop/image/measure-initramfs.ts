/**
 * The measuring VM's kernel and initramfs, made from verified Debian packages. Everything in it but one shell script is a
 * package's file; the same packages give the same bytes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestHex, sha256 } from '../../crypto/digest.ts';
import { UnavailableError } from '../../errors.ts';
import { unlessMissing, writeAtomically } from '../media/atomic-file.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { moduleName, moduleOrder, readModinfo } from './kernel-modules.ts';
import { FILE_SYSTEM_MODULES, MEASURE_INIT, MEASURE_MODULES } from './measure-init.ts';

/** Debian packages that the measuring VM is made of, beside a kernel (`linux-image-…-amd64`). No closure needed. */
export const MEASURING_PACKAGES: readonly string[] = [
  'busybox-static',
  'tar',
  'libacl1',
  'libselinux1',
  'libpcre2-8-0',
  'dmsetup',
  'libdevmapper1.02.1',
  'libudev1',
  'libc6',
];

/** One verified package: its digest, and its regular files (path without a leading slash or `./`). */
export interface ToolPackage {
  readonly name: string;
  readonly sha256: Digest;
  files(filter: (path: string) => boolean): AsyncIterable<{ readonly path: string; readonly data: Uint8Array }>;
}

/** What `measureDisks` boots. */
export interface MeasuringTools {
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly kernel: Digest;
  readonly initrd: Digest;
  /** Digests of the packages that they were made from, sorted. */
  readonly packages: readonly Digest[];
}

const KERNEL = /^boot\/vmlinuz-(.+)$/;
const MODULE = /^(?:usr\/)?lib\/modules\/([^/]+)\/kernel\/.+\.ko$/;
const PROGRAM = /^(?:usr\/)?s?bin\/(busybox|tar|dmsetup)$/;
const LIBRARY =
  /^(?:usr\/)?lib\/x86_64-linux-gnu\/((?:libc|libm|libacl|libselinux|libpcre2-8|libudev)\.so\.\d+|libdevmapper\.so\.1\.02\.1)[.\d]*$/;
const LOADER = /^(?:usr\/)?lib\/x86_64-linux-gnu\/ld-linux-x86-64\.so\.2$/;
const APPLETS = 'sh cat mount umount insmod dmesg dd find stat printf usleep poweroff echo'.split(' ');
const PROGRAMS = ['busybox', 'tar', 'dmsetup'];
const LIBRARIES = [
  'libc.so.6',
  'libm.so.6',
  'libacl.so.1',
  'libselinux.so.1',
  'libpcre2-8.so.0',
  'libdevmapper.so.1.02.1',
  'libudev.so.1',
];

/**
 * Makes kernel and initramfs in `cacheDir`, or takes what an earlier run made there from the same packages (its digests
 * are checked again). Rejects with `image/tools-incomplete` when the packages lack a part.
 */
export async function buildMeasuringTools(options: {
  readonly packages: readonly ToolPackage[];
  readonly cacheDir: string;
}): Promise<MeasuringTools> {
  const packages = options.packages.map((each) => each.sha256).toSorted();
  const key = sha256(JSON.stringify([1, packages, MEASURE_INIT, MEASURE_MODULES, FILE_SYSTEM_MODULES]));
  const base = join(options.cacheDir, `measure-${digestHex(key).slice(0, 32)}`);
  const cached = await readCached(base, packages);
  if (cached !== undefined) return cached;

  const parts = await collect(options.packages);
  const initrd = writeCpio(initramfs(parts));
  const paths = cachePaths(base);
  const write = (path: string, bytes: Uint8Array | string): Promise<void> =>
    writeAtomically(path, (temporary) => writeFile(temporary, bytes));
  await write(paths.kernelPath, parts.kernel);
  await write(paths.initrdPath, initrd);
  const digests = { kernel: sha256(parts.kernel), initrd: sha256(initrd) };
  // Written last: a cache without it is not used.
  await write(paths.indexPath, indexText(digests.kernel, digests.initrd));
  return { kernelPath: paths.kernelPath, initrdPath: paths.initrdPath, ...digests, packages };
}

interface Parts {
  readonly kernel: Uint8Array;
  readonly modules: ReadonlyMap<string, Uint8Array>;
  readonly programs: ReadonlyMap<string, Uint8Array>;
  readonly libraries: ReadonlyMap<string, Uint8Array>;
  readonly loader: Uint8Array;
}

async function collect(packages: readonly ToolPackage[]): Promise<Parts> {
  const kernels = new Map<string, Uint8Array>();
  const modules = new Map<string, Map<string, Uint8Array>>();
  const programs = new Map<string, Uint8Array>();
  const libraries = new Map<string, Uint8Array>();
  let loader: Uint8Array | undefined;
  const wanted = (path: string): boolean =>
    [KERNEL, MODULE, PROGRAM, LIBRARY, LOADER].some((pattern) => pattern.test(path));
  for (const each of packages) {
    for await (const { path, data } of each.files(wanted)) {
      const [, version] = KERNEL.exec(path) ?? [];
      const [, moduleVersion] = MODULE.exec(path) ?? [];
      const [, program] = PROGRAM.exec(path) ?? [];
      const [, library] = LIBRARY.exec(path) ?? [];
      if (version !== undefined) kernels.set(version, data);
      else if (moduleVersion !== undefined) {
        const ofVersion = modules.get(moduleVersion) ?? new Map<string, Uint8Array>();
        modules.set(moduleVersion, ofVersion.set(moduleName(path), data));
      } else if (program !== undefined) programs.set(program, data);
      else if (library !== undefined) libraries.set(library, data);
      else loader = data;
    }
  }
  const [version, kernel] = [...kernels][0] ?? [];
  const missing = [
    ...(kernel === undefined ? ['a kernel (boot/vmlinuz-…)'] : []),
    ...(version === undefined || !modules.has(version) ? ["the kernel's modules"] : []),
    ...PROGRAMS.filter((name) => !programs.has(name)),
    ...LIBRARIES.filter((name) => !libraries.has(name)),
    ...(loader === undefined ? ['ld-linux-x86-64.so.2'] : []),
  ];
  if (version === undefined || kernel === undefined || loader === undefined || missing.length > 0 || kernels.size > 1) {
    const what = kernels.size > 1 ? `one kernel, not ${kernels.size}` : missing.join(', ');
    throw new UnavailableError('image/tools-incomplete', `the packages for the measuring VM lack ${what}`, {
      hint: `give one linux-image package and ${MEASURING_PACKAGES.join(', ')}`,
      facts: { missing, kernels: [...kernels.keys()] },
    });
  }
  return { kernel, modules: modules.get(version) ?? new Map(), programs, libraries, loader };
}

function initramfs(parts: Parts): readonly CpioEntry[] {
  const needs = (name: string): readonly string[] | undefined => {
    const module = parts.modules.get(name);
    if (module === undefined) return undefined;
    return (readModinfo(Buffer.from(module)).get('depends') ?? '').split(',').filter(Boolean).map(moduleName);
  };
  const order = moduleOrder(MEASURE_MODULES, needs);
  const lists = Object.entries(FILE_SYSTEM_MODULES).map(
    ([type, wanted]) => [type, moduleOrder(wanted, needs).filter((name) => !order.includes(name))] as const,
  );
  const all = new Set([...order, ...lists.flatMap(([, modules]) => modules)]);
  const directory = (path: string): CpioEntry => ({ path, kind: 'directory' });
  const file = (path: string, data: Uint8Array, mode = 0o644): CpioEntry => ({ path, kind: 'file', data, mode });
  const empty = Buffer.alloc(0);
  return [
    ...['bin', 'dev', 'lib', 'lib/x86_64-linux-gnu', 'lib64', 'mnt', 'modules', 'proc', 'sys'].map(directory),
    { path: 'dev/console', kind: 'character', mode: 0o600, device: [5, 1] },
    file('init', Buffer.from(MEASURE_INIT), 0o755),
    ...PROGRAMS.map((name) => file(`bin/${name}`, parts.programs.get(name) ?? empty, 0o755)),
    ...APPLETS.map((name): CpioEntry => ({ path: `bin/${name}`, kind: 'symlink', mode: 0o777, target: 'busybox' })),
    file('lib64/ld-linux-x86-64.so.2', parts.loader, 0o755),
    ...LIBRARIES.map((name) => file(`lib/x86_64-linux-gnu/${name}`, parts.libraries.get(name) ?? empty, 0o755)),
    file('modules/order', Buffer.from(`${order.join('\n')}\n`)),
    ...lists.map(([type, modules]) => file(`modules/${type}`, Buffer.from(`${modules.join('\n')}\n`))),
    ...[...all].map((name) => file(`modules/${name}.ko`, parts.modules.get(name) ?? empty)),
  ];
}

function cachePaths(base: string): { kernelPath: string; initrdPath: string; indexPath: string } {
  return { kernelPath: `${base}.vmlinuz`, initrdPath: `${base}.cpio`, indexPath: `${base}.sha256` };
}

/** Undefined where there is nothing, or where it is damaged: then it is made anew. */
async function readCached(base: string, packages: readonly Digest[]): Promise<MeasuringTools | undefined> {
  const { kernelPath, initrdPath, indexPath } = cachePaths(base);
  const [index, kernelBytes, initrdBytes] = await Promise.all(
    [indexPath, kernelPath, initrdPath].map((path) => readFile(path).catch(unlessMissing)),
  );
  if (index === undefined || kernelBytes === undefined || initrdBytes === undefined) return undefined;
  const kernel = sha256(kernelBytes);
  const initrd = sha256(initrdBytes);
  return index.toString('utf8') === indexText(kernel, initrd)
    ? { kernelPath, initrdPath, kernel, initrd, packages }
    : undefined;
}

function indexText(kernel: Digest, initrd: Digest): string {
  return `${kernel} vmlinuz\n${initrd} cpio\n`;
}
