/** What a machine's writable disks are made of. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createOverlay, inspectDisk } from '../../../src/workshop/machine/disks.ts';
import { switchedOff } from '../../../src/workshop/machine/index.ts';
import type { MachineConfig, StartOptions } from '../../../src/workshop/machine/types.ts';
import { createWorkbench } from '../../../src/workshop/provision/workbench.ts';
import { needPrograms } from '../../support/skip.ts';
import { smallMachine } from '../machine/guests.ts';

const PRISTINE = Buffer.alloc(256 * 1024, 'p');

describe('a machine that is powered on', () => {
  let folder: string;
  let pristine: string;
  let started: MachineConfig | undefined;

  before(function () {
    needPrograms(this, 'qemu-img');
  });
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pg-workbench-'));
    pristine = path.join(folder, 'pristine.raw');
    await writeFile(pristine, PRISTINE, { mode: 0o400 });
    started = undefined;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const at = (name: string): string => path.join(folder, name);

  /** The files of its disk, the one that it writes to first. */
  async function files(disksDir: string | null, rests?: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const workbench = createWorkbench({
      start: ({ config }: StartOptions) => {
        started = config;
        return Promise.resolve(switchedOff({}, { accelerator: 'tcg', qemuVersion: '0.0.0' }));
      },
      config: smallMachine([{ id: 'root', path: pristine, format: 'raw', bus: 'virtio' }]),
      media: `sha256:${'0'.repeat(64)}`,
      accelerator: 'tcg',
      qemuVersion: '0.0.0',
      runtimeDir: at('run'),
      disksDir: at('own'),
    });
    await workbench.powerOn(disksDir, new AbortController().signal, rests);
    const [disk] = started?.disks ?? [];
    assert.equal(disk?.format, 'qcow2');
    const { chain } = await inspectDisk(disk.path);
    assert.equal(chain[0], disk.path);
    return chain;
  }

  it('writes to a copy where checkpoints will rest on it: the pristine disk is gone before they are', async () => {
    const chain = await files(at('session'));
    assert.deepEqual([chain.length, path.dirname(chain[0] ?? '')], [1, at('session')]);
  });

  it('copies nothing where there are none: what it writes to lies over the pristine disk, which stays as it was', async () => {
    const chain = await files(null);
    assert.deepEqual([path.dirname(chain[0] ?? ''), ...chain.slice(1)], [at('own'), pristine]);
    assert.deepEqual(await readFile(pristine), PRISTINE);
  });

  it('goes on from a frozen disk in an overlay, with checkpoints and without', async () => {
    const frozen = at('frozen.qcow2');
    await createOverlay(frozen, { path: pristine, format: 'raw' });
    for (const disksDir of [at('session'), null])
      assert.deepEqual((await files(disksDir, { root: frozen })).slice(1), [frozen, pristine]);
  });
});
