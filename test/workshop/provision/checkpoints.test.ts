import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestHex, sha256, type Digest } from '../../../src/crypto/digest.ts';
import { createDisk, createOverlay, inspectDisk } from '../../../src/workshop/machine/disks.ts';
import type { Recipe, RecipeNeedle, ResolvedRecipe, Step } from '../../../src/recipe/types.ts';
import type { Machine } from '../../../src/workshop/machine/types.ts';
import { checkpointKeys, keyAfter, powerOnKey } from '../../../src/workshop/provision/checkpoint-key.ts';
import { branchBytes, treeOf } from '../../../src/workshop/provision/checkpoint-tree.ts';
import { openCheckpoints, type CheckpointStore } from '../../../src/workshop/provision/checkpoints.ts';
import { keysOn } from '../../../src/workshop/provision/timeline.ts';
import { startPaper } from './paper-machine.ts';
import { CONFIG, recipe } from './paper-run.ts';

const ROOT = sha256('root');
const ONE = sha256('one');
const TWO = sha256('two');
const OTHER = sha256('other');
const about = (key: Digest, parent: Digest, step: string) => ({ key, parent, step, recipe: 'paper' });

describe('the checkpoint store', () => {
  let folder: string;
  let store: CheckpointStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portalgun-checkpoints-'));
    store = openCheckpoints(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Freezes a real disk image at each save, as a machine with one disk does. */
  async function machineWithDisk(disksDir: string): Promise<Machine> {
    const start = startPaper({ start: '', draw: (text: string) => [text], key: (text, key) => text + key });
    const machine = await start({ config: CONFIG, runtimeDir: folder, accelerator: 'tcg' });
    let count = 0;
    let current = join(disksDir, 'root-0.qcow2');
    await createDisk({ path: current, format: 'qcow2' }, 2 ** 20);
    return {
      ...machine,
      async save(memoryPath) {
        const saved = await machine.save(memoryPath);
        const frozen = current;
        count += 1;
        current = join(disksDir, `root-${count}.qcow2`);
        await createOverlay(current, { path: frozen, format: 'qcow2' });
        return { ...saved, disks: { root: frozen } };
      },
    };
  }

  /** Two checkpoints, the second on the first, by a session that has ended. */
  async function makeTwo(): Promise<void> {
    const session = await store.session();
    const machine = await machineWithDisk(session.disksDir);
    await machine.sendKeys([{ key: 'a', down: true }]); // something to remember
    await session.save(machine, about(ONE, ROOT, 'one'));
    await session.save(machine, about(TWO, ONE, 'two'));
    await session.end();
  }

  const lastUsed = (key: Digest, seconds: number) =>
    utimes(join(folder, 'nodes', digestHex(key), 'meta.json'), seconds, seconds);
  const steps = async () => (await store.list()).map(({ step }) => step).sort();

  it('keeps what it was given, for its owner only', async () => {
    await makeTwo();
    const [one, two] = await store.list();
    assert.deepEqual([one?.step, two?.step], ['one', 'two']);
    assert.equal(two?.parent, ONE);
    assert.equal(two?.files.length, 2);
    assert.deepEqual((await inspectDisk(two?.disks['root'] ?? assert.fail())).chain, [...(two?.files ?? [])]);
    for (const path of ['nodes', 'disks', 'sessions', join('nodes', digestHex(ONE))]) {
      assert.equal((await stat(join(folder, path))).mode & 0o777, 0o700, path);
    }
    assert.equal((await stat(join(folder, 'nodes', digestHex(ONE), 'meta.json'))).mode & 0o777, 0o600);
  });

  it('removes the disks that no checkpoint rests on when their session ends', async () => {
    const session = await store.session();
    const machine = await machineWithDisk(session.disksDir);
    await session.save(machine, about(ONE, ROOT, 'one'));
    assert.deepEqual((await readdir(session.disksDir)).sort(), ['root-0.qcow2', 'root-1.qcow2']);
    await session.end();
    assert.deepEqual(await readdir(session.disksDir), ['root-0.qcow2']);
  });

  it('is a tree', async () => {
    await makeTwo();
    const session = await store.session();
    await session.save(await machineWithDisk(session.disksDir), about(OTHER, ROOT, 'other'));
    await session.end();
    const roots = treeOf(await store.list());
    const [root] = roots;
    assert.ok(root);
    assert.equal(
      branchBytes(root),
      (await store.list()).filter(({ step }) => step !== 'other').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    );
    assert.deepEqual(
      roots.map(({ checkpoint, children }) => [checkpoint.step, children.map((child) => child.checkpoint.step)]),
      [
        ['one', ['two']],
        ['other', []],
      ],
    );
  });

  it('leaves a checkpoint that is there as it is, and does not stop the machine for it', async () => {
    await makeTwo();
    const session = await store.session();
    const machine = await machineWithDisk(session.disksDir);
    const there = await session.save(
      { ...machine, save: () => assert.fail('it was saved again') },
      about(ONE, ROOT, 'one'),
    );
    assert.equal(there.key, ONE);
    await session.end();
  });

  it('prunes the longest unused first, and keeps the disks that a later one rests on', async () => {
    await makeTwo();
    await lastUsed(ONE, 1_000);
    await lastUsed(TWO, 2_000);
    const [one, two] = await store.list();
    const { removed } = await store.prune((one?.sizeBytes ?? 0) + (two?.sizeBytes ?? 0) - 1);
    assert.deepEqual(
      removed.map(({ step }) => step),
      ['one'],
    );
    assert.deepEqual(await steps(), ['two']);
    for (const file of two?.files ?? []) await stat(file);
    const rest = await store.prune(0);
    assert.deepEqual(
      rest.removed.map(({ step }) => step),
      ['two'],
    );
    assert.ok(rest.freedBytes > 0);
    for (const file of one?.files ?? []) await assert.rejects(stat(file), /ENOENT/);
  });

  it('counts a disk that several rest on once, and as long as one does', async () => {
    await makeTwo();
    await lastUsed(ONE, 1_000);
    await lastUsed(TWO, 2_000);
    const [one, two] = await store.list();
    assert.ok(one && two);
    // The first one's disk stays for the second one: without it nothing but its memory is gained.
    const withoutMemory = one.sizeBytes + two.sizeBytes - one.memoryBytes;
    assert.deepEqual(
      (await store.prune(withoutMemory)).removed.map(({ step }) => step),
      ['one'],
    );
    assert.deepEqual((await store.prune(withoutMemory)).removed, []);
    assert.deepEqual(
      (await store.prune(withoutMemory - 1)).removed.map(({ step }) => step),
      ['two'],
    );
  });

  it('is on the disk, with all that it rests on and their names, before it can be found', async () => {
    const synced: { readonly path: string; readonly found: boolean }[] = [];
    const careful = openCheckpoints(folder, async (path) => {
      synced.push({ path, found: (await readdir(join(folder, 'nodes'))).includes(digestHex(TWO)) });
    });
    const session = await careful.session();
    const machine = await machineWithDisk(session.disksDir);
    await session.save(machine, about(ONE, ROOT, 'one'));
    const { files } = await session.save(machine, about(TWO, ONE, 'two'));
    await session.end();
    const before = synced.filter(({ found }) => !found).map(({ path }) => path);
    for (const path of [...files, session.disksDir, join(folder, 'disks'), folder])
      assert.ok(before.includes(path), path);
    assert.deepEqual(synced.at(-1), { path: join(folder, 'nodes'), found: true });
  });

  it('keeps the disks alone of a machine that is off', async () => {
    const session = await store.session();
    const machine = await machineWithDisk(session.disksDir);
    const off = { ...machine, running: false, diskFiles: () => ({ root: join(session.disksDir, 'root-0.qcow2') }) };
    const made = await session.save(off, about(ONE, ROOT, 'off'));
    await session.end();
    assert.deepEqual([made.memoryPath, made.memoryBytes], [null, 0]);
    const [listed] = await store.list();
    assert.deepEqual(listed, made);
    for (const file of made.files) await stat(file);
  });

  it('never prunes one that is in use', async () => {
    await makeTwo();
    const session = await store.session();
    await session.find(ONE);
    const { removed } = await store.prune(0);
    assert.deepEqual(
      removed.map(({ step }) => step),
      ['two'],
    );
    await session.end();
    assert.equal((await store.prune(0)).removed.length, 1);
  });

  it('clears up after a process that was killed', async () => {
    await makeTwo();
    // The number of a process that has just ended, in a lease as it would have left it.
    const { pid } = spawnSync('true');
    await writeFile(join(folder, 'sessions', 'abcdef.json'), JSON.stringify({ pid, startedAt: '1', keys: [TWO] }));
    await mkdir(join(folder, 'disks', 'abcdef'));
    await writeFile(join(folder, 'disks', 'abcdef', 'root-9.qcow2'), 'left over');
    await mkdir(join(folder, 'nodes', 'making-abcdef-0123456789abcdef'));
    await (await store.session()).end();
    assert.deepEqual(await readdir(join(folder, 'sessions')), []);
    assert.ok(!(await readdir(join(folder, 'disks'))).includes('abcdef'));
    assert.ok((await readdir(join(folder, 'nodes'))).every((name) => !name.startsWith('making')));
    assert.equal((await store.prune(0)).removed.length, 2);
  });

  it('leaves the disks of a session that is alive alone', async () => {
    const first = await store.session();
    await writeFile(join(first.disksDir, 'root-0.qcow2'), 'in use');
    await (await store.session()).end();
    assert.deepEqual(await readdir(first.disksDir), ['root-0.qcow2']);
    await first.end();
  });

  it('refuses one of another version by name, and takes a damaged one for none', async () => {
    await makeTwo();
    const meta = join(folder, 'nodes', digestHex(ONE), 'meta.json');
    const text = await readFile(meta, 'utf8');
    await writeFile(meta, text.slice(0, 40));
    assert.deepEqual(await steps(), ['two']);
    const session = await store.session();
    await session.save(await machineWithDisk(session.disksDir), about(ONE, ROOT, 'one'));
    await session.end();
    assert.deepEqual(await steps(), ['one', 'two']);
    await writeFile(meta, text.replace('"version": 1', '"version": 2'));
    await assert.rejects(store.list(), { code: 'provision/checkpoint-version' });
  });

  it('leaves nothing of one whose saving failed', async () => {
    const session = await store.session();
    const machine = await machineWithDisk(session.disksDir);
    const full = { ...machine, save: () => Promise.reject(new Error('ENOSPC: no space left on device')) };
    await assert.rejects(session.save(full, about(ONE, ROOT, 'one')), /ENOSPC/);
    assert.deepEqual(await readdir(join(folder, 'nodes')), []);
    await session.end();
  });
});

describe('checkpoint keys', () => {
  const steps = [{ id: 'a', checkpoint: true }, { id: 'b' }, { id: 'c', checkpoint: true }].map((step) => ({
    ...step,
    when: { text: 'a prompt' },
  }));
  const resolved = recipe(steps);
  const state = { resolved, config: CONFIG, media: sha256('media'), qemuVersion: '7.2.22', accelerator: 'tcg' };

  it('depend on all that led there, and on nothing else', () => {
    const key = powerOnKey(state);
    assert.equal(powerOnKey({ ...state, resolved: recipe(steps, { name: 'another', summary: 'text' }) }), key);
    assert.notEqual(powerOnKey({ ...state, media: sha256('other media') }), key);
    assert.notEqual(powerOnKey({ ...state, qemuVersion: '8.0.0' }), key);
    assert.notEqual(powerOnKey({ ...state, accelerator: 'kvm' }), key);
    assert.notEqual(powerOnKey({ ...state, config: { ...CONFIG, memoryMiB: 128 } }), key);
    assert.notEqual(
      powerOnKey({ ...state, resolved: recipe(steps, { machine: { arch: 'x86_64', memory: '1G' } }) }),
      key,
    );
  });

  it('do not know where files lie', () => {
    const at = (path: string) => ({
      ...CONFIG,
      firmware: { path: `${path}/code` },
      disks: [{ id: 'root', path, format: 'raw' as const, bus: 'virtio' as const }],
      kernel: { path: `${path}/linux`, args: 'quiet' },
    });
    assert.equal(powerOnKey({ ...state, config: at('/here') }), powerOnKey({ ...state, config: at('/there') }));
  });

  it('tell machines apart by firmware, architecture and display', () => {
    const key = powerOnKey(state);
    assert.notEqual(powerOnKey({ ...state, config: { ...CONFIG, firmware: { path: '/code' } } }), key);
    assert.notEqual(powerOnKey({ ...state, config: { ...CONFIG, arch: 'i386' } }), key);
    assert.notEqual(powerOnKey({ ...state, config: { ...CONFIG, display: { width: 800, height: 600 } } }), key);
  });

  it('tell apart what the needles show that a step names, and nothing that it does not', () => {
    const needle = (x: number): RecipeNeedle => ({ areas: [{ at: [x, 0, 10, 10], png: 'AAAA', click: 'center' }] });
    const clicks: Step = { id: 'a', do: [{ click: { needle: 'ok' } }], checkpoint: true };
    const keyWith = (step: Step, needles: Recipe['needles']): string | undefined => {
      const recipe = { ...state.resolved.recipe, steps: [step], ...(needles && { needles }) };
      // Keys ask for nothing that resolving checks.
      const author = { ...state.resolved, recipe } as ResolvedRecipe;
      return keysOn({ ...state, accelerator: 'tcg' }, author, [{ step, author, begins: false }])[0]?.key;
    };
    const key = keyWith(clicks, { ok: needle(1) });
    assert.notEqual(keyWith(clicks, { ok: needle(2) }), key);
    assert.equal(keyWith(clicks, { ok: needle(1), other: needle(2) }), key);
    const types: Step = { id: 'a', do: [{ key: 'enter' }], checkpoint: true };
    assert.equal(keyWith(types, { ok: needle(1) }), keyWith(types, undefined));
  });

  it('chain from checkpoint to checkpoint, each over the steps since', () => {
    const root = powerOnKey(state);
    const [first, between, second] = checkpointKeys(root, steps);
    const key = keyAfter(root, steps.slice(0, 1));
    assert.deepEqual(first, { step: 'a', index: 0, key, parent: root });
    // Kept or not, what asks for no checkpoint is no link of the chain.
    assert.deepEqual(between, { step: 'b', index: 1, key: keyAfter(key, steps.slice(1, 2)), parent: key });
    assert.deepEqual(second, { step: 'c', index: 2, key: keyAfter(key, steps.slice(1)), parent: key });
  });
});
