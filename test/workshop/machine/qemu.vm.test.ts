import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FailedError, UnavailableError, UsageError } from '../../../src/errors.ts';
import { keyEvents, textEvents } from '../../../src/workshop/input/keyboard.ts';
import { createOverlay, flattenDisk, inspectDisk } from '../../../src/workshop/machine/disks.ts';
import { startMachine } from '../../../src/workshop/machine/qemu.ts';
import type { Machine, MachineDisk, MachineEvent, StartOptions } from '../../../src/workshop/machine/types.ts';
import { firstCpu } from '../../support/cpus.ts';
import { fillDisk, mountSmallDisk } from '../../support/full-disk.ts';
import { skip } from '../../support/skip.ts';
import { eventually, exists, needQemu, smallMachine, watch, writeKeyRecorder } from './guests.ts';

const run = promisify(execFile);

const died = (error: unknown) => error instanceof FailedError && error.code === 'machine/died';

describe('a machine', function () {
  this.timeout(600_000);
  let folder: string;
  let disk: MachineDisk;
  const machines: Machine[] = [];

  before(function () {
    needQemu(this);
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pg-machine-'));
    disk = { id: 'root', path: join(folder, 'root.raw'), format: 'raw', bus: 'virtio' };
    await writeKeyRecorder(disk.path);
  });

  afterEach(async () => {
    await Promise.all(machines.splice(0).map((machine) => machine.close()));
    await rm(folder, { recursive: true, force: true });
  });

  async function start(options: Partial<StartOptions> = {}): Promise<Machine> {
    const machine = await startMachine({
      config: smallMachine([disk]),
      runtimeDir: join(folder, `run-${machines.length}`),
      accelerator: 'tcg',
      ...options,
    });
    machines.push(machine);
    return machine;
  }

  async function booted(options: Partial<StartOptions> = {}): Promise<Machine> {
    const machine = await start(options);
    await watch(machine).until('Booting from Hard Disk');
    return machine;
  }

  async function press(machine: Machine, key: string): Promise<void> {
    const before = machine.serialOutput().length;
    await machine.sendKeys(textEvents(key));
    await eventually(`the guest has taken ${key}`, () => machine.serialOutput().length > before);
  }

  /** What the guest has written to its disk, through all overlays. */
  async function recorded(path: string, format: 'raw' | 'qcow2'): Promise<string> {
    const flat = join(folder, 'flat.raw');
    await flattenDisk({ path, format }, { path: flat, format: 'raw' });
    const bytes = await readFile(flat);
    return bytes.subarray(512, bytes.indexOf(0, 512)).toString('latin1');
  }

  it('tells for how long this host has let the guest’s processor wait', async function () {
    if (!existsSync('/proc/self/schedstat')) skip(this, 'this kernel keeps no scheduler statistics');
    const cpu = firstCpu();
    const rival = spawn('taskset', ['--cpu-list', String(cpu), 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' });
    try {
      const machine = await start({ surroundings: { cpu } });
      await eventually('the guest waits', () => machine.withheldMs() > 20);
    } finally {
      rival.kill('SIGKILL');
    }
  });

  it('shows its screen, takes keys, tells its serial output and writes its disk', async () => {
    const machine = await booted();
    assert.match(machine.qemuVersion, /^\d+\.\d+\.\d+$/);
    assert.equal(machine.running, true);
    for (const key of ['h', 'I', '!']) await press(machine, key);
    const screen = await watch(machine).until('hI!');
    assert.equal(screen.unknownCells, 0);
    assert.equal(Buffer.from(machine.serialOutput()).toString('latin1'), 'hI!');
    const [a, b] = [await machine.frame(), await machine.frame()];
    assert.ok(b.capturedAtMs > a.capturedAtMs && b.sequence >= a.sequence);
    assert.deepEqual(machine.diskFiles(), { root: disk.path });
    await machine.power('off');
    await machine.close();
    assert.equal(await recorded(disk.path, 'raw'), 'hI!');
  });

  it('is saved and restored by another process as often as one likes, and what was saved never changes', async () => {
    const memoryPath = join(folder, 'memory.zst');
    const first = await booted();
    await press(first, 'a');
    await press(first, 'b');
    const saved = await first.save(memoryPath);
    assert.deepEqual(saved.disks, { root: disk.path });
    assert.equal((await stat(memoryPath)).mode & 0o777, 0o600);
    assert.equal((await stat(memoryPath)).size, saved.memoryBytes);
    assert.equal(first.running, true);
    await press(first, 'c');
    const overlay = first.diskFiles()['root'] ?? '';
    assert.notEqual(overlay, disk.path);
    const again = await first.save(join(folder, 'memory-2.zst'), { leaveStopped: true });
    assert.equal(first.running, false);
    assert.deepEqual(again.disks, { root: overlay });
    await first.close();
    assert.equal(await recorded(disk.path, 'raw'), 'ab');
    assert.equal(await recorded(overlay, 'qcow2'), 'abc');

    for (const [key, options] of [
      ['x', { restore: { memoryPath } }],
      ['y', { restore: { memoryPath } }],
    ] as const) {
      const other = await start(options);
      await watch(other).until('ab');
      await press(other, key);
      await watch(other).until(`ab${key}`);
      const file = other.diskFiles()['root'] ?? '';
      assert.deepEqual((await inspectDisk(file)).chain, [file, disk.path]);
      await other.close({ keepDisks: true });
      assert.equal(await recorded(file, 'qcow2'), `ab${key}`);
    }
    const second = await start({
      config: smallMachine([{ ...disk, path: overlay, format: 'qcow2' }]),
      restore: { memoryPath: again.memoryPath },
    });
    await press(second, 'd');
    await watch(second).until('abcd');
    await second.close();
    assert.equal(await recorded(disk.path, 'raw'), 'ab');
    assert.equal(await recorded(overlay, 'qcow2'), 'abc');
  });

  it('leaves nothing behind when it is closed, twice if need be', async () => {
    const machine = await booted();
    await machine.save(join(folder, 'memory.zst'));
    const [overlay = ''] = Object.values(machine.diskFiles());
    assert.ok(await exists(overlay));
    await Promise.all([machine.close(), machine.close()]);
    assert.deepEqual((await readdir(folder)).toSorted(), ['memory.zst', 'root.raw']);
    await assert.rejects(machine.frame(), (error) => error instanceof FailedError && error.code === 'machine/closed');
  });

  it('refuses a saved memory that was damaged, and leaves nothing behind then either', async () => {
    const machine = await booted();
    const { memoryPath } = await machine.save(join(folder, 'memory.zst'), { leaveStopped: true });
    await machine.close();
    await truncate(memoryPath, 100_000);
    await assert.rejects(
      start({ restore: { memoryPath } }),
      (error) => error instanceof FailedError && error.code === 'machine/bad-memory-image',
    );
    assert.deepEqual((await readdir(folder)).toSorted(), ['memory.zst', 'root.raw']);
  });

  it('ends every pending call with its last words when QEMU is killed, and tells it as an event', async () => {
    const machine = await booted();
    const events: MachineEvent[] = [];
    machine.onEvent((event) => events.push(event));
    const [pid] = await qemuProcesses();
    assert.ok(pid !== undefined);
    await machine.sendKeys(keyEvents('a'));
    process.kill(pid, 'SIGSTOP'); // or it may have answered the first of them by then
    const pending = [machine.frame(), machine.frame(), machine.readMemory(0, 4096), machine.save(join(folder, 'm'))];
    const outcomes = pending.map((call) => assert.rejects(call, died));
    process.kill(pid, 'SIGKILL');
    await Promise.all(outcomes);
    await eventually('the death was told', () => events.length > 0);
    assert.ok(events[0]?.type === 'died' && events[0].status === 'signal SIGKILL');
    assert.equal(machine.running, false);
    await assert.rejects(machine.frame(), died);
    const late: MachineEvent[] = [];
    machine.onEvent((event) => late.push(event));
    assert.equal(late[0]?.type, 'died', 'whoever asks later is told at once');
    assert.equal(await exists(join(folder, 'm')), false);
  });

  it('ends and says so when the disk under the guest is full', async function () {
    const small = join(folder, 'small');
    await mkdir(small);
    await mountSmallDisk(this, small, '600m');
    try {
      const path = join(small, 'root.qcow2');
      await createOverlay(path, disk);
      const machine = await booted({ config: smallMachine([{ ...disk, path, format: 'qcow2' }]) });
      const ended = new Promise<MachineEvent>((resolve) => machine.onEvent(resolve));
      await run('mount', ['-o', 'remount,size=1m', small]);
      await fillDisk(join(small, 'filler'));
      await machine.sendKeys(textEvents('a')); // which the guest writes to its disk
      assert.match(JSON.stringify(await ended), /"type":"died".*no room left/);
      await assert.rejects(machine.frame(), {
        code: 'machine/disk-full',
        exitCode: 1,
        message: new RegExp(small),
        hint: /goes on from its last checkpoint/,
      });
      await machine.close();
    } finally {
      await run('umount', ['--lazy', small]); // QEMU still has its disk open where the test failed
    }
  });

  it('tells power-off and reset, and can be seen and restarted afterwards', async () => {
    const machine = await booted();
    const events: string[] = [];
    machine.onEvent((event) => events.push(event.type));
    await press(machine, 'z');
    await machine.power('off');
    assert.deepEqual(events, ['shutdown']);
    assert.equal(machine.running, false);
    const machineText = watch(machine);
    await machineText.until('Booting from Hard Disk... z');
    await machine.power('reset');
    await eventually('it runs again', () => machine.running);
    await eventually('it has booted again', async () => {
      const text = (await machineText.read()).lines.join('').trimEnd();
      return text.endsWith('Booting from Hard Disk...');
    });
    await press(machine, 'q');
    assert.ok(events.includes('reset'));
  });

  it('runs without capabilities, without new privileges, and with its sandbox on', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux takes all that from a process');
    await booted();
    const [pid] = await qemuProcesses();
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
  });

  it('ends with the process that started it, even when that is killed', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux ends a process with its parent');
    const script = `
      import { startMachine } from ${JSON.stringify(new URL('../../../src/workshop/machine/qemu.ts', import.meta.url))};
      const [folder, disk] = process.argv.slice(1);
      const disks = [{ id: 'root', path: disk, format: 'raw', bus: 'virtio' }];
      const config = { arch: 'x86_64', cpus: 1, memoryMiB: 64, disks };
      await startMachine({ config, runtimeDir: folder, accelerator: 'tcg' });
      console.log('started');
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, join(folder, 'r'), disk.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const [pid] = await qemuProcesses(parent.pid);
    assert.ok(pid !== undefined);
    parent.kill('SIGKILL');
    await eventually('QEMU is gone', async () => !(await exists(`/proc/${pid}`)) || (await isZombie(pid)));
  });

  it('says which package is missing where there is no QEMU', async () => {
    await assert.rejects(start({ qemu: 'qemu-system-x86_64-that-is-not-there' }), (error) => {
      assert.ok(error instanceof UnavailableError && error.code === 'machine/qemu-missing');
      assert.match(error.hint ?? '', /apt-get install qemu-system-x86/);
      return true;
    });
  });

  it('fails with the words of a QEMU that does not start', async () => {
    await assert.rejects(start({ config: smallMachine([{ ...disk, path: join(folder, 'nothing.raw') }]) }), (error) => {
      assert.ok(died(error) && error instanceof FailedError);
      assert.match(error.message, /nothing\.raw/);
      return true;
    });
    assert.deepEqual(await readdir(folder), ['root.raw']);
  });

  it('refuses a runtime folder whose path is too long for a socket', async () => {
    await assert.rejects(
      start({ runtimeDir: join(folder, 'x'.repeat(100)) }),
      (error) => error instanceof UsageError && error.code === 'machine/path-too-long',
    );
  });

  it('refuses more keys at once than a keyboard can hold, and more memory at once than we read', async () => {
    const machine = await start();
    await assert.rejects(
      machine.sendKeys(textEvents('abcdefghi')),
      (error) => error instanceof UsageError && error.code === 'machine/too-many-keys',
    );
    await assert.rejects(
      machine.readMemory(0, 64 * 1024 * 1024),
      (error) => error instanceof UsageError && error.code === 'machine/too-much-memory',
    );
    await assert.rejects(machine.port('nowhere'), (error) => error instanceof UsageError);
  });

  it('gives a stream for each named port', async () => {
    const machine = await start({ config: { ...smallMachine([disk]), ports: ['measure', 'other'] } });
    assert.notEqual(await machine.port('measure'), await machine.port('other'));
  });
});

/** Processes named qemu-system-x86 whose parent is `parent`. */
async function qemuProcesses(parent = process.pid): Promise<number[]> {
  const { stdout } = await run('ps', ['-o', 'pid=,comm=', '--ppid', String(parent)]);
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  return lines.filter(([, name]) => name?.startsWith('qemu-system')).map(([pid]) => Number(pid));
}

async function isZombie(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '0 (gone) Z');
  return status.slice(status.lastIndexOf(')')).startsWith(') Z');
}
