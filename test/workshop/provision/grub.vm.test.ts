/** The engine on a real machine: GRUB's rescue ISO in QEMU, under software emulation. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PortalgunError } from '../../../src/errors.ts';
import { stepDigest } from '../../../src/recipe/digest.ts';
import type { ResolvedRecipe, Step } from '../../../src/recipe/types.ts';
import { createDisk, inspectDisk } from '../../../src/workshop/machine/index.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';
import {
  createSenses,
  createSuggestionRepair,
  openCheckpoints,
  type BuildEvent,
  type RepairSource,
  type RunResult,
} from '../../../src/workshop/provision/index.ts';
import { grubIso, smallMachine } from '../machine/guests.ts';
import { finish, recipeOf, runReally, type RealRun } from './real-run.ts';

const SHELL: Step = {
  id: 'shell',
  when: { text: 'GNU GRUB' },
  do: [{ key: 'c' }],
  expect: { text: 'Minimal BASH-like line editing' },
  checkpoint: true,
};
const PLATFORM: Step = {
  id: 'platform',
  when: { text: 'grub>' },
  do: [{ type: 'echo is-$grub_platform-is' }, { key: 'enter' }],
  expect: { text: 'is-pc-is' },
  checkpoint: true,
};
const AGAIN: Step = {
  id: 'again',
  do: [{ type: 'echo $grub_cpu/$grub_platform' }, { key: 'enter' }],
  expect: { text: 'i386/pc' },
};
const STEPS: readonly Step[] = [SHELL, PLATFORM, AGAIN];

describe('the engine on a real machine', function () {
  this.timeout(600_000);
  let iso: string;
  let folder: string;
  let events: BuildEvent[];

  before(async function () {
    iso = await grubIso(this);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portalgun-grub-'));
    events = [];
    await createDisk({ path: join(folder, 'blank.qcow2'), format: 'qcow2' }, 8 * 2 ** 20);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function run(resolved: ResolvedRecipe, options: Partial<RealRun> = {}): Promise<RunResult> {
    return runReally({
      resolved,
      config: smallMachine([
        { id: 'root', path: join(folder, 'blank.qcow2'), format: 'qcow2', bus: 'virtio' },
        { id: 'iso', path: iso, format: 'raw', bus: 'cdrom', readOnly: true },
      ]),
      folder,
      emit: (event) => events.push(event),
      ...options,
    });
  }

  it('does every step, closed-loop, on the screen alone', async () => {
    const result = await run(recipeOf(STEPS));
    await finish(result);
    assert.equal(result.resumedFrom, null);
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'step-done' ? [event.step] : [])),
      ['shell', 'platform', 'again'],
    );
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'typed' ? [event.text] : [])),
      ['echo is-$grub_platform-is', 'echo $grub_cpu/$grub_platform'],
    );
  });

  it('mends a stale step with a patch, from the checkpoint before it', async () => {
    const stale: Step = { ...PLATFORM, expect: { text: 'is-bios-is', timeout: '1s' } };
    const store: RepairSource = {
      name: 'store',
      propose: () =>
        Promise.resolve({
          kind: 'patch',
          origin: 'trusted-patch',
          operations: [{ op: 'replace-step', id: 'platform', was: stepDigest(stale), step: PLATFORM }],
          summary: 'the platform is called pc',
        }),
    };
    const result = await run(recipeOf([SHELL, stale, AGAIN]), { sources: [store] });
    await finish(result);
    assert.deepEqual(result.final.recipe.steps, STEPS);
    assert.equal(result.repairs.length, 1);
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'rolled-back' ? [event.to] : [])),
      ['shell'],
    );
  });

  it('mends a reworded prompt by what stands on the screen', async () => {
    const stale: Step = { ...SHELL, expect: { text: 'Minimal ZSH-like line editing', timeout: '2s' } };
    const senses = createSenses(createEyes());
    const result = await run(recipeOf([stale, PLATFORM]), { senses, sources: [createSuggestionRepair(senses.reader)] });
    await finish(result);
    assert.deepEqual(result.final.recipe.steps[0]?.expect, { text: 'Minimal BASH-like line editing', timeout: '2s' });
  });

  it('resumes from one checkpoint as often as one likes, and from its child, disks and all', async () => {
    await finish(await run(recipeOf(STEPS)));
    for (const summary of ['first time', 'second time']) {
      const result = await run(recipeOf([SHELL, { ...PLATFORM, summary }, AGAIN]));
      assert.equal(result.resumedFrom, 'shell');
      const [disk] = Object.values(result.machine.diskFiles());
      // The blank copy, the overlay since "shell", the one since "platform".
      assert.equal((await inspectDisk(disk ?? assert.fail('no disk'))).chain.length, 3);
      await finish(result);
    }
    const child = await run(recipeOf([SHELL, PLATFORM, { ...AGAIN, summary: 'third time' }]));
    assert.equal(child.resumedFrom, 'platform');
    await finish(child);
    const checkpoints = await openCheckpoints(join(folder, 'checkpoints')).list();
    assert.equal(checkpoints.length, 4);
    for (const { memoryPath, files, disks } of checkpoints) {
      assert.ok(memoryPath !== null);
      assert.equal((await stat(memoryPath)).mode & 0o077, 0);
      for (const file of [...files, ...Object.values(disks)]) await stat(file);
    }
  });

  it('says so when QEMU is killed in the middle, and the next run goes on from the checkpoint', async () => {
    const qemu = join(folder, 'qemu');
    const pidFile = join(folder, 'qemu.pid');
    await writeFile(qemu, `#!/bin/sh\necho $$ > '${pidFile}'\nexec qemu-system-x86_64 "$@"\n`);
    await chmod(qemu, 0o755);
    const never = recipeOf([SHELL, { ...PLATFORM, expect: { text: 'never', timeout: '10m' } }]);
    const killed = run(never, {
      qemu,
      emit: (event) => {
        events.push(event);
        if (event.event === 'typed') void readFile(pidFile, 'utf8').then((pid) => process.kill(Number(pid), 'SIGKILL'));
      },
    });
    await assert.rejects(killed, (error) => {
      assert.ok(error instanceof PortalgunError);
      assert.equal(error.code, 'provision/machine-died');
      assert.match(error.message, /during the step "platform".*SIGKILL/s);
      return true;
    });
    const result = await run(recipeOf(STEPS));
    assert.equal(result.resumedFrom, 'shell');
    await finish(result);
  });

  it('goes further back where a checkpoint is damaged, and makes it anew', async () => {
    await finish(await run(recipeOf(STEPS)));
    const [, platform] = await openCheckpoints(join(folder, 'checkpoints')).list();
    assert.equal(platform?.step, 'platform');
    assert.ok(platform.memoryPath !== null);
    await writeFile(platform.memoryPath, 'not a memory image');
    const result = await run(recipeOf(STEPS));
    assert.equal(result.resumedFrom, 'shell');
    await finish(result);
    const again = await run(recipeOf(STEPS));
    assert.equal(again.resumedFrom, 'platform');
    await finish(again);
  });
});
