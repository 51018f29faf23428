/**
 * A docker daemon of this test's own. It runs in namespaces of its own for processes, mounts and the network: its
 * bridges, firewall rules and file systems are nowhere else, and all of it ends with one process. Whatever daemon the
 * machine has is not touched.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '../support/cli.ts';
import { needPrograms, skip } from '../support/skip.ts';

const run = promisify(execFile);

export interface Docker {
  /** A folder of this machine that is mounted into the containers; gone with the daemon. */
  readonly hosts: string;
  /** Of whoever speaks to the daemon by themselves. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A Debian root without what lies below /usr, which is to be mounted. */
  readonly image: string;
  docker(...args: readonly string[]): Promise<string>;
  /** `environment`: what docker-compose.test.yml asks for beside the folders. */
  compose(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<string>;
  /** Ends every container and the daemon, and removes what they left. */
  stop(): Promise<void>;
}

/** Skips where no daemon of one's own can be started. */
export function needDocker(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) skip(context, 'a docker daemon needs root');
  needPrograms(context, 'dockerd', 'docker', 'docker-compose', 'setpriv', 'unshare', 'iptables', 'tar');
  // Of version 2, or of version 1 with what docker cannot do without.
  const groups = ['cgroup.controllers', 'devices'].map((name) => path.join(CGROUPS, name));
  if (!groups.some((name) => existsSync(name))) skip(context, `no control groups at ${CGROUPS}`);
}

const CGROUPS = '/sys/fs/cgroup';

const IMAGE = 'portalgun-test/host:1';

export async function startDocker(): Promise<Docker> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pgd-')); // short: sockets' paths lie below it
  const hosts = path.join(folder, 'hosts');
  await mkdir(hosts);
  const socket = `unix://${path.join(folder, 'docker.sock')}`;
  const group = `portalgun-${path.basename(folder)}`;
  const environment = {
    ...process.env,
    DOCKER_HOST: socket,
    COMPOSE_FILE: path.join(ROOT, 'docker-compose.test.yml'),
    COMPOSE_PROJECT_NAME: 'portalgun',
    PORTALGUN_ROOT: ROOT,
    PORTALGUN_HOSTS: hosts,
    PORTALGUN_VICTIM: '',
  };
  const call = async (program: string, args: readonly string[], extra = {}): Promise<string> => {
    const { stdout } = await run(program, args, { env: { ...environment, ...extra }, maxBuffer: 16 * 1024 * 1024 });
    return stdout.trim();
  };
  const daemon = spawn(
    'setpriv',
    // Nothing survives this process, however it ends: it takes unshare with it, and that one the namespace.
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--net',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'dockerd',
    ].concat(
      ['--data-root', path.join(folder, 'data'), '--exec-root', path.join(folder, 'exec')],
      ['--pidfile', path.join(folder, 'dockerd.pid'), '--host', socket],
      ['--bip', '172.29.0.1/24', '--cgroup-parent', `/${group}`],
    ),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const docker: Docker = {
    hosts,
    environment,
    image: IMAGE,
    docker: (...args) => call('docker', args),
    compose: (args, extra = {}) => call('docker-compose', args, extra),
    async stop() {
      await kill(daemon);
      await removeGroups(group);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await ready(daemon, () => docker.docker('version'));
    await importImage(docker, folder);
    return docker;
  } catch (error) {
    await docker.stop();
    throw error;
  }
}

async function ready(daemon: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  let said = '';
  daemon.stderr!.on('data', (chunk: Buffer) => (said = (said + String(chunk)).slice(-4_000)));
  for (;;) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) throw new Error(`dockerd ended: ${said}`);
    try {
      await ask();
      return;
    } catch {
      await pause(100); // not yet
    }
  }
}

async function kill(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  // The first process of the namespace: everything in it ends when it does, and it is waited for.
  const [first] = (await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8')).trim().split(' ');
  const ended = once(daemon, 'exit');
  process.kill(first ? Number(first) : daemon.pid!, 'SIGKILL');
  await ended;
}

/** In a folder of its own for each controller, or in the one of all. */
async function removeGroups(group: string): Promise<void> {
  for (const folder of [CGROUPS, ...(await readdir(CGROUPS)).map((name) => path.join(CGROUPS, name))]) {
    await removeGroup(path.join(folder, group));
  }
}

async function removeGroup(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(path.join(folder, entry.name));
  await rmdir(folder).catch(() => undefined); // there never was one here
}

/** A Debian root without its packages, which lie below /usr and are mounted: nothing is copied or pulled. */
async function importImage(docker: Docker, folder: string): Promise<void> {
  const root = path.join(folder, 'root');
  const folders = [
    'usr',
    'etc/alternatives',
    'app',
    'cache',
    'home/node',
    'run/node',
    'proc',
    'sys',
    'dev',
    'tmp',
    'var/tmp',
  ];
  for (const name of folders) await mkdir(path.join(root, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${name}`, path.join(root, name));
  await writeFile(path.join(root, 'etc/passwd'), 'root:x:0:0:root:/home/node:/bin/sh\n');
  const archive = path.join(folder, 'root.tar');
  await run('tar', ['-C', root, '-cf', archive, '.']);
  await docker.docker('import', archive, IMAGE);
}
