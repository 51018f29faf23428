/** People at machines of their own: containers on one network, each with a clone of this checkout and a terminal. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ROOT } from '../support/cli.ts';
import { underTerminal } from '../support/person.ts';
import { TEST_CACHE } from '../support/test-cache.ts';
import type { Docker } from './docker.ts';

export interface Machine {
  /**
   * Types a line in the clone, and what its prompts ask for when they show. Gives what the terminal has shown, without
   * control sequences; rejects where its exit code is not 0.
   */
  types(line: string, answers?: readonly Answer[]): Promise<string>;
}

/** `answer` is typed when `prompt` stands at the terminal. */
export interface Answer {
  readonly prompt: string;
  readonly answer: string;
}

const NETWORK = 'friends';
/** Written after what a line has shown, with its exit code. */
const ENDED = 'this line has ended:';
/** No cloned repository has the first two; the others are of no use to who uses it, and large. */
const NOT_CLONED: readonly string[] = ['node_modules', '.git', 'test', 'bench'];

/** A machine for each, from which the Internet cannot be reached: what media need must be in the tests' cache. */
export async function moveIn(docker: Docker, names: readonly string[]): Promise<Map<string, Machine>> {
  await docker.docker('network', 'create', '--internal', NETWORK);
  const machines = new Map<string, Machine>();
  for (const name of names) {
    const clone = path.join(docker.hosts, name, 'portalgun');
    await mkdir(clone, { recursive: true });
    for (const entry of await readdir(ROOT)) {
      if (!NOT_CLONED.includes(entry)) await cp(path.join(ROOT, entry), path.join(clone, entry), { recursive: true });
    }
    // What Debian keeps outside of /usr, and what `npm install` and apt have brought.
    const system = ['/usr', '/etc/alternatives', '/etc/apt', '/var/lib/apt', '/var/lib/dpkg'].map((at) => [at, at]);
    const mounts = [...system, [path.join(ROOT, 'node_modules'), '/root/portalgun/node_modules']].map(
      ([from, to]) => `${from}:${to}:ro`,
    );
    mounts.push(`${path.dirname(clone)}:/root`, `${TEST_CACHE}:/cache`);
    const run = ['run', '--detach', '--name', name, '--hostname', name, '--network', NETWORK];
    const environment = ['--env', 'HOME=/root', '--env', 'PORTALGUN_CACHE=/cache', '--workdir', '/root/portalgun'];
    const volumes = mounts.flatMap((mount) => ['--volume', mount]);
    await docker.docker(...run, ...volumes, ...environment, docker.image, 'sleep', 'infinity');
    machines.set(name, machineOf(docker, name));
  }
  return machines;
}

function machineOf(docker: Docker, name: string): Machine {
  return {
    async types(line, answers = []) {
      const background = /^(.*) &$/.exec(line)?.[1];
      if (background !== undefined) return docker.docker('exec', '--detach', name, 'sh', '-c', background);
      const told = `${line}\necho "${ENDED} $?"`;
      const person = underTerminal(['docker', 'exec', '-it', name, 'sh', '-c', told], docker.environment);
      try {
        for (const { prompt, answer } of answers) {
          await person.reads(prompt);
          person.types(`${answer}\n`);
        }
        await person.ends();
      } finally {
        person.leave();
      }
      const shown = stripVTControlCharacters(person.shown).replaceAll('\r', '');
      const [, before = '', code] = new RegExp(`^([^]*)${ENDED} (\\d+)\n$`).exec(shown) ?? [];
      assert.equal(code, '0', `${name}$ ${line}\n${shown}`);
      return before;
    },
  };
}
