/** What this machine has and lacks, each with the one command that mends it. */
import { execFile } from 'node:child_process';
import { access, constants, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Environment } from './home.ts';

const run = promisify(execFile);

export interface Finding {
  readonly what: string;
  /** `missing` stops builds; `warning` does not. */
  readonly state: 'ok' | 'warning' | 'missing';
  readonly detail: string;
  readonly mend?: string;
}

interface Program {
  readonly name: string;
  readonly debianPackage: string;
  readonly why: string;
  readonly versionFlag: string;
}

const PROGRAMS: readonly Program[] = [
  { name: 'qemu-system-x86_64', debianPackage: 'qemu-system-x86', why: 'runs the machines', versionFlag: '--version' },
  { name: 'qemu-img', debianPackage: 'qemu-utils', why: 'makes disks and overlays', versionFlag: '--version' },
  { name: 'apt-get', debianPackage: 'apt', why: 'downloads Debian media', versionFlag: '--version' },
  { name: 'dpkg-deb', debianPackage: 'dpkg', why: 'unpacks verified packages', versionFlag: '--version' },
];

/** Below these a build of the shipped recipes cannot be expected to end well. */
export const WANTED_MEMORY_MIB = 2048;
export const WANTED_DISK_MIB = 4096;

export interface Surroundings {
  readonly environment: Environment;
  /** Folder whose disk is measured: the data folder, or the nearest one above that exists. */
  readonly dataFolder: string;
  readonly nodeVersion: string;
  readonly availableMemoryMiB: number;
  /** Which accelerator really runs code here, and why. */
  readonly accelerator: () => Promise<{ name: string; detail: string }>;
}

export async function examine(surroundings: Surroundings): Promise<Finding[]> {
  const findings: Finding[] = [nodeVersion(surroundings.nodeVersion)];
  for (const program of PROGRAMS) findings.push(await programFinding(program, surroundings.environment));
  findings.push(memory(surroundings.availableMemoryMiB), await disk(surroundings.dataFolder));
  findings.push(await accelerator(surroundings, findings));
  return findings;
}

function nodeVersion(version: string): Finding {
  const major = Number(/^v?(\d+)/.exec(version)?.[1]);
  if (major >= 24) return { what: 'Node', state: 'ok', detail: version };
  return {
    what: 'Node',
    state: 'missing',
    detail: `${version}, but 24 is needed`,
    mend: 'npm install   # brings the pinned one',
  };
}

async function programFinding(program: Program, environment: Environment): Promise<Finding> {
  const file = await findProgram(program.name, environment['PATH'] ?? '');
  if (file === undefined) {
    return {
      what: program.name,
      state: 'missing',
      detail: `not found; it ${program.why}`,
      mend: `sudo apt-get install -y --no-install-recommends ${program.debianPackage}`,
    };
  }
  const { stdout } = await run(file, [program.versionFlag]);
  return { what: program.name, state: 'ok', detail: stdout.split('\n')[0] ?? file };
}

async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of [...searchPath.split(':'), '/usr/sbin', '/sbin']) {
    const file = path.join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      continue; // not in this folder: the next one may have it
    }
  }
  return undefined;
}

function memory(availableMiB: number): Finding {
  const detail = `${availableMiB} MiB free`;
  if (availableMiB >= WANTED_MEMORY_MIB) return { what: 'memory', state: 'ok', detail };
  return { what: 'memory', state: 'warning', detail, mend: `close programs: ${WANTED_MEMORY_MIB} MiB free are wanted` };
}

async function disk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(folder));
  const freeMiB = Math.floor((bavail * bsize) / 2 ** 20);
  const detail = `${freeMiB} MiB free for ${folder}`;
  if (freeMiB >= WANTED_DISK_MIB) return { what: 'disk', state: 'ok', detail };
  return {
    what: 'disk',
    state: 'warning',
    detail,
    mend: 'portalgun checkpoints prune, or set PORTALGUN_HOME elsewhere',
  };
}

async function nearestExisting(folder: string): Promise<string> {
  try {
    await access(folder);
    return folder;
  } catch {
    return folder === path.dirname(folder) ? os.tmpdir() : nearestExisting(path.dirname(folder));
  }
}

async function accelerator(surroundings: Surroundings, findings: readonly Finding[]): Promise<Finding> {
  if (findings.some(({ what, state }) => what === 'qemu-system-x86_64' && state === 'missing')) {
    return { what: 'accelerator', state: 'missing', detail: 'not probed: QEMU is missing' };
  }
  const { name, detail } = await surroundings.accelerator();
  if (name !== 'tcg') return { what: 'accelerator', state: 'ok', detail: `${name}: ${detail}` };
  return { what: 'accelerator', state: 'warning', detail: `software emulation (slower): ${detail}` };
}
