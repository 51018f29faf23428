/**
 * What only a system with drivers of its own shows, on a real Linux: a CD that is changed under it (GRUB reads none again), a
 * CD that it holds, and the way out of its network.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Condition, Recipe, Step } from '../../../src/recipe/types.ts';
import type { MachineConfig } from '../../../src/workshop/machine/index.ts';
import type { Outside } from '../../../src/workshop/network/outside.ts';
import type { BuildEvent } from '../../../src/workshop/provision/index.ts';
import { needPrograms } from '../../support/skip.ts';
import { NETWORK_UP, smallLinux, type SmallLinux } from '../../support/small-linux.ts';
import { finish, recipeOf, runReally } from './real-run.ts';

const INIT = `${NETWORK_UP}\nmkdir /mnt\nexport PS1='linux# '\nclear\necho up-$((40 + 2))\nwhile :; do sh; done\n`;

const command = (line: string): NonNullable<Step['do']> => [{ type: `clear; ${line}` }, { key: 'enter' }];
/** Until then the screen may stand still: a drive takes its time with a disc, a whole Linux with its boot. */
const PATIENT = { timeout: '3m' } as const;
/** With the prompt behind it: what is typed before that is there is shown twice. */
const shows = (text: string): Condition => ({ all: [{ text }, { text: 'linux#' }], ...PATIENT });
/** A drive with a fresh disc is not ready at once. */
const MOUNT = 'until mount -r /dev/sr0 /mnt 2>/dev/null; do sleep 0.1; done; cat /mnt/name';

const DISCS: readonly Step[] = [
  { id: 'shell', expect: shows('up-42') },
  { id: 'first', do: [{ insert: 'first' }, ...command(`${MOUNT}; umount /mnt`)], expect: shows('This is first') },
  { id: 'second', do: [{ insert: 'second' }, ...command(`${MOUNT}; umount /mnt`)], expect: shows('This is second') },
  {
    id: 'gone',
    do: [{ eject: 'cd' }, ...command('mount -r /dev/sr0 /mnt')],
    expect: shows('No medium found'),
    checkpoint: true,
  },
];

const wget = (url: string): string => `http_proxy=http://10.0.2.2:3128 wget -q -O - ${url}`;
const NETWORK: readonly Step[] = [
  { id: 'allowed', do: command(wget('http://deb.example.org/file')), expect: shows('said by deb.example.org') },
  {
    id: 'refused',
    do: command(`${wget('http://other.example/')}; echo other-$?; ${wget('http://127.0.0.1/')}; echo host-$?`),
    expect: {
      all: [{ text: '403 Forbidden' }, { text: 'other-1' }, { text: 'host-1' }, { text: 'linux#' }],
      ...PATIENT,
    },
  },
  {
    id: 'tunnel',
    do: command(
      String.raw`printf 'CONNECT deb.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\nGET /tunnel HTTP/1.0\r\n\r\n' | nc 10.0.2.2 3128`,
    ),
    expect: shows('said by deb.example.org in a tunnel'),
  },
  { id: 'around', do: command('wget -q -O - http://192.0.2.7/'), expect: shows('Connection refused') },
];

interface Around {
  readonly outside?: Outside;
  /** How long a guest that holds a CD is asked for it. */
  readonly hostFactor?: number;
}

describe('a Linux in a machine', function () {
  this.timeout(600_000);
  let folder: string;
  let linux: SmallLinux;
  const discs: Record<string, string> = {};
  const closers: (() => void)[] = [];

  before(async function () {
    needPrograms(this, 'xorriso');
    folder = await mkdtemp(path.join(tmpdir(), 'portalgun-linux-'));
    linux = await smallLinux(this, folder, INIT);
    for (const name of ['first', 'second']) {
      const tree = path.join(folder, name);
      await mkdir(tree);
      await writeFile(path.join(tree, 'name'), `This is ${name}\n`);
      discs[name] = `${tree}.iso`;
      await promisify(execFile)('xorriso', ['-as', 'mkisofs', '-quiet', '-o', `${tree}.iso`, tree]);
    }
  });
  after(async () => {
    for (const close of closers) close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function build(steps: readonly Step[], { outside, hostFactor = 3 }: Around = {}): Promise<BuildEvent[]> {
    const events: BuildEvent[] = [];
    const disc = (name: string) => ({ file: `${name}.iso`, sha256: '0'.repeat(64), drive: 'cd' }) as const;
    const media: Recipe['media'] = { first: disc('first'), second: disc('second') };
    const config: MachineConfig = {
      arch: 'x86_64',
      cpus: 1,
      memoryMiB: 256,
      disks: [],
      drives: [{ drive: 'cd', medium: null }],
      shelf: discs,
      network: { allow: ['deb.example.org'] },
      kernel: { path: linux.kernel, initrd: linux.initrd, args: 'quiet' },
    };
    const result = await runReally({
      resolved: recipeOf(steps, { media }),
      config,
      folder,
      hostFactor,
      emit: (event) => events.push(event),
      ...(outside && { outside }),
    });
    await finish(result);
    return events;
  }

  it('reads the CD that is in its drive now, and none once it was taken out', async () => {
    const events = await build(DISCS);
    const media = events.flatMap((event) => (event.event === 'medium' ? [event.medium] : []));
    assert.deepEqual(media, ['first', 'second', null]);
  });

  it('keeps a CD that it has mounted, and the step says so', async () => {
    const mounted: Step = {
      id: 'mounted',
      do: [{ insert: 'first' }, ...command(MOUNT)],
      expect: shows('This is first'),
    };
    const taken: Step = { id: 'taken', do: [{ eject: 'cd' }], expect: shows('never') };
    await assert.rejects(build([...DISCS, mounted, taken], { hostFactor: 1 }), {
      message: /taken.*the guest holds its cd drive closed/s,
    });
  });

  it('threat 38: gets through the proxy to the host that the recipe states, and to no other, nor around it', async () => {
    const server = createServer((request, response) =>
      response.end(`said by ${request.headers.host ?? 'deb.example.org in a tunnel'}\n`),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const connected: string[] = [];
    const outside: Outside = {
      resolve: () => Promise.resolve(['93.184.215.14']),
      connect: (to, toPort) => {
        connected.push(`${to}:${toPort}`);
        return connect(port, '127.0.0.1');
      },
    };
    const events = await build([...DISCS, ...NETWORK], { outside });
    assert.ok(events.some(({ event }) => event === 'resumed'));
    assert.deepEqual(connected, ['93.184.215.14:80', '93.184.215.14:443']);
    const requests = events.flatMap((event) => (event.event === 'request' ? [[event.outcome, event.host]] : []));
    assert.deepEqual(
      requests.toSorted((a, b) => a.join(' ').localeCompare(b.join(' '))),
      [
        ['passed', 'deb.example.org'],
        ['passed', 'deb.example.org'],
        ['refused', '127.0.0.1'],
        ['refused', '192.0.2.7'],
        ['refused', 'other.example'],
      ],
    );
  });
});
