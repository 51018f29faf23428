/**
 * What measuring an image costs: a file system of a gigabyte, listed and hashed by the measuring VM and this host, beside
 * sha256sum over the same files in the same guest; and one file of that size hashed here, beside OpenSSL.
 */
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { hashFile, measureDisk, type MeasuringTools, prepareMeasuringTools } from '../src/workshop/image/index.ts';
import { startMachine } from '../src/workshop/machine/index.ts';
import { emptyDisk, makeExt4 } from '../test/workshop/image/disks.fixture.ts';
import { runInMakerVm } from '../test/workshop/image/maker-vm.fixture.ts';
import { median, type Figure } from './figure.ts';

const MIB = 1024 * 1024;
/** 1 GiB: as many small files as an installed system has, and some large ones. */
const SMALL = { files: 16_000, bytes: 16 * 1024 };
const LARGE = { files: 48, bytes: 16 * MIB };
const TREE_BYTES = SMALL.files * SMALL.bytes + LARGE.files * LARGE.bytes;
const DISK_BYTES = 1536 * MIB;
/** Runs of what is quick. */
const RUNS = 5;

export async function benchManifest(): Promise<Figure[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pg-bench-'));
  try {
    const tools = await prepareMeasuringTools({
      cacheDir: path.resolve(import.meta.dirname, '../.portalgun/bench/media'),
      keysDir: path.resolve(import.meta.dirname, '../keys'),
      clock: () => new Date(),
    });
    const disk = await makeDisk(folder);
    const manifestMs = await measured(tools, folder, disk);
    const sumMs = await summed(tools, folder, disk);
    return [
      rate(`manifest of ${SMALL.files + LARGE.files} files, 1 GiB`, manifestMs, TREE_BYTES),
      rate('sha256sum of the same files in the same guest', sumMs, TREE_BYTES),
      { what: 'manifest beside sha256sum', value: sumMs / manifestMs, unit: 'ratio', note: 'aim: 0.5 or more' },
      ...(await hashing(disk)),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function rate(what: string, tookMs: number, bytes: number): Figure {
  return { what, value: tookMs / 1000, unit: 's', note: `${(bytes / MIB / (tookMs / 1000)).toFixed(0)} MiB a second` };
}

/** Content that no file system, disk image or cache makes smaller. */
async function makeDisk(folder: string): Promise<string> {
  const tree = path.join(folder, 'tree');
  for (const [name, { files, bytes }] of Object.entries({ small: SMALL, large: LARGE })) {
    for (let number = 0; number < files; number += 1) {
      const at = path.join(tree, name, String(number % 100));
      if (number < 100) await mkdir(at, { recursive: true });
      await writeFile(path.join(at, String(number)), randomFillSync(Buffer.allocUnsafe(bytes)));
    }
  }
  const disk = emptyDisk(path.join(folder, 'disk.raw'), DISK_BYTES);
  makeExt4(disk, 0, DISK_BYTES, tree);
  return disk;
}

/** From the disk's first byte to the finished manifest: without the VM's start. */
async function measured(tools: MeasuringTools, folder: string, diskPath: string): Promise<number> {
  let startedAtMs: number | undefined;
  const onProgress = (): void => {
    startedAtMs ??= performance.now();
  };
  const { entries } = await measureDisk({
    tools,
    normalise: [],
    startMachine,
    runtimeDir: path.join(folder, 'vm'),
    accelerator: 'tcg',
    diskPath,
    format: 'raw',
    onProgress,
  });
  const files = entries.filter(({ kind }) => kind === 'file').length;
  if (startedAtMs === undefined || files !== SMALL.files + LARGE.files) throw new Error(`${files} files were measured`);
  return performance.now() - startedAtMs;
}

/** By the guest's clock, which goes as the host's does. */
async function summed(tools: MeasuringTools, folder: string, disk: string): Promise<number> {
  const said = await runInMakerVm({
    tools,
    folder,
    disks: [disk],
    modules: [],
    programs: ['sha256sum', 'find', 'xargs'],
    script: `mount -t ext4 -o ro,noload /dev/vda /mnt
read -r before rest < /proc/uptime
find /mnt -type f -print0 | xargs -0 sha256sum > /sums
read -r after rest < /proc/uptime
echo "$before $after $(wc -l < /sums)"`,
  });
  const [before = Number.NaN, after = Number.NaN, files] = said.trim().split(' ').map(Number);
  if (files !== SMALL.files + LARGE.files) throw new Error(`sha256sum said: ${said}`);
  return (after - before) * 1000;
}

/** In turns, so that what else this machine does meets both. */
async function hashing(file: string): Promise<Figure[]> {
  const ours: number[] = [];
  const openssl: number[] = [];
  let agreed = true;
  for (let run = 0; run <= RUNS; run += 1) {
    let startedAtMs = performance.now();
    const digest = await hashFile(file);
    const oursMs = performance.now() - startedAtMs;
    startedAtMs = performance.now();
    const said = execFileSync('openssl', ['dgst', '-sha256', '-r', file], { encoding: 'utf8' });
    const opensslMs = performance.now() - startedAtMs;
    agreed &&= digest === `sha256:${said.slice(0, 64)}`;
    // The first run fills the cache.
    if (run === 0) continue;
    ours.push(oursMs);
    openssl.push(opensslMs);
  }
  if (!agreed) throw new Error('OpenSSL has another digest');
  return [
    rate('a file of 1.5 GiB hashed on the host, median', median(ours), DISK_BYTES),
    rate('openssl dgst of it, median', median(openssl), DISK_BYTES),
    {
      what: 'hashing beside OpenSSL, median of each pair',
      value: median(ours.map((ms, run) => (openssl[run] ?? Number.NaN) / ms)),
      unit: 'ratio',
      note: 'aim: 0.8 or more',
    },
  ];
}
