import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type ConsoleEnd, attachConsole, LEAVE_KEY, runImage, type RunOutcome } from '../../src/run/index.ts';
import { listImages, storeImage, verifyImage } from '../../src/workshop/image/index.ts';
import { type Machine, type MachineEvent, startMachine, type StartOptions } from '../../src/workshop/machine/index.ts';
import { extentManifest, FACTS } from '../workshop/image/image-facts.fixture.ts';
import { flipByte } from '../workshop/image/disks.fixture.ts';
import { needPrograms } from '../support/skip.ts';
import { guestDisk } from './boot-sector.fixture.ts';

/** A terminal that a test types on: what was said so far, and a wait for words in it. */
class TestTerminal {
  readonly input = Object.assign(new PassThrough(), { setRawMode: (raw: boolean) => this.raw.push(raw) });
  readonly output = new PassThrough();
  readonly raw: boolean[] = [];
  said = '';
  #waiting: (() => void)[] = [];

  constructor() {
    this.output.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('latin1');
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  async until(words: string): Promise<void> {
    while (!this.said.includes(words)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

describe('running an image', function () {
  this.timeout(600_000);
  let folder: string;
  let imagesDir: string;
  let runtimeDir: string;

  before(async function () {
    needPrograms(this, 'qemu-system-x86_64', 'as', 'ld');
    folder = await mkdtemp(join(tmpdir(), 'pg-run-'));
    imagesDir = join(folder, 'images');
    runtimeDir = join(folder, 'r');
    const disk = guestDisk();
    const path = join(folder, 'disk.raw');
    await writeFile(path, disk);
    const measured = { diskId: 'root', manifest: extentManifest(disk) };
    await storeImage({ imagesDir, id: 'guest', disks: [{ id: 'root', path, format: 'raw' }], facts: FACTS, measured });
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const start = (terminal: TestTerminal, more: object = {}): Promise<RunOutcome> =>
    runImage({
      imagesDir,
      id: 'guest',
      console: terminal,
      accelerator: 'tcg',
      startMachine,
      firmware: () => Promise.reject(new Error('nobody asks a BIOS for it')),
      runtimeDir,
      ...more,
    });

  /** Runs it once, types `x`, then what ends it. */
  async function runOnce(last: string, more: object = {}): Promise<{ outcome: RunOutcome; terminal: TestTerminal }> {
    const terminal = new TestTerminal();
    const running = start(terminal, more);
    await terminal.until('>');
    terminal.input.write('x');
    await terminal.until('>x');
    terminal.input.write(last);
    return { outcome: await running, terminal };
  }

  it('joins the terminal to the guest, and forgets what the guest wrote', async () => {
    const first = await runOnce('q');
    assert.equal(first.outcome.ended, 'guest-off');
    assert.match(first.terminal.said, /second sector: A\n>x$/);
    const second = await runOnce('q');
    assert.match(second.terminal.said, /second sector: A\n/);
    // The image is what it was, and nothing is left of the runs.
    await verifyImage(imagesDir, 'guest');
    assert.deepEqual((await readdir(join(imagesDir, 'guest'))).sort(), ['image.json', 'manifest.txt', 'root.raw']);
    assert.deepEqual(await readdir(runtimeDir), []);
  });

  it('leaves at Ctrl-], which the guest does not get, with the terminal as it was', async () => {
    const { outcome, terminal } = await runOnce(`y${String.fromCharCode(LEAVE_KEY)}z`);
    assert.equal(outcome.ended, 'left');
    assert.ok(!terminal.said.includes('z'));
    assert.deepEqual(terminal.raw, [true, false]);
    assert.equal(terminal.input.isPaused(), true);
    assert.deepEqual(await readdir(runtimeDir), []);
  });

  it('goes on where it ended when it is asked to keep, the measured disk untouched', async () => {
    const first = await runOnce('q', { keep: true });
    assert.match(first.terminal.said, /second sector: A\n/);
    const second = await runOnce('q', { keep: true });
    assert.match(second.terminal.said, /second sector: W\n/);
    const third = await runOnce('q');
    assert.match(third.terminal.said, /second sector: A\n/);
    await verifyImage(imagesDir, 'guest');
    await rm(join(imagesDir, 'guest/kept-root.qcow2'));
  });

  it('ends when it is interrupted, and forgets as ever', async () => {
    const controller = new AbortController();
    const terminal = new TestTerminal();
    const running = start(terminal, { signal: controller.signal });
    await terminal.until('>');
    controller.abort();
    await assert.rejects(running, { code: 'interrupted', exitCode: 130 });
    assert.deepEqual(terminal.raw, [true, false]);
    assert.deepEqual(await readdir(runtimeDir), []);
  });

  it('gives an image that boots by UEFI the firmware, with a variable store of its own', async () => {
    const facts = { ...FACTS, machine: { ...FACTS.machine, firmware: 'uefi' as const } };
    const disk = join(folder, 'disk.raw');
    await storeImage({
      imagesDir,
      id: 'uefi',
      disks: [{ id: 'root', path: disk, format: 'raw' }],
      facts,
      measured: { diskId: 'root', manifest: extentManifest(await readFile(disk)) },
    });
    const variables = join(folder, 'variables.fd');
    await writeFile(variables, Buffer.alloc(8192, 1));
    const asked: StartOptions[] = [];
    const started = start(new TestTerminal(), {
      id: 'uefi',
      firmware: () => Promise.resolve({ code: '/verified/code.fd', variables }),
      startMachine: (options: StartOptions) => {
        asked.push(options);
        return Promise.reject(new Error('not now'));
      },
    });
    await assert.rejects(started, /not now/);
    const { config } = asked[0] ?? assert.fail('it was not started');
    assert.deepEqual(config.firmware, { path: '/verified/code.fd' });
    const store = config.disks.find(({ bus }) => bus === 'pflash') ?? assert.fail('no variable store');
    assert.notEqual(store.path, variables);
    assert.equal(store.readOnly, undefined);
    await rm(join(imagesDir, 'uefi'), { recursive: true });
  });

  it('opens ports into the guest only where it is asked to, and says which one is taken', async () => {
    const asked: StartOptions[] = [];
    const startMachine = (options: StartOptions): Promise<Machine> => {
      asked.push(options);
      return Promise.reject(new Error('not now'));
    };
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const forwards = [{ hostPort: address.port, guestPort: 22 }];
    await assert.rejects(start(new TestTerminal(), { startMachine, forwards }), {
      code: 'run/port-taken',
      exitCode: 5,
      message: `The port ${address.port} of 127.0.0.1 is in use.`,
    });
    assert.equal(asked.length, 0);
    server.close();
    await once(server, 'close');
    await assert.rejects(start(new TestTerminal(), { startMachine, forwards }), /not now/);
    await assert.rejects(start(new TestTerminal(), { startMachine }), /not now/);
    assert.deepEqual(
      asked.map((options) => options.config.forwards),
      [forwards, undefined],
    );
  });

  it('never starts an image with one flipped bit', async () => {
    const path = join(imagesDir, 'guest/root.raw');
    await chmod(path, 0o600);
    flipByte(path, 700);
    const started: unknown[] = [];
    const refuse = (options: unknown): Promise<never> => {
      started.push(options);
      return Promise.reject(new Error('started'));
    };
    await assert.rejects(start(new TestTerminal(), { startMachine: refuse }), { code: 'image/altered', exitCode: 3 });
    assert.deepEqual(started, []);
    flipByte(path, 700);
    assert.equal((await listImages(imagesDir)).images.length, 1);
  });
});

describe('the console', () => {
  it('ends with the last words of a machine that died, all it said before written', async () => {
    const terminal = new TestTerminal();
    let tell: (event: MachineEvent) => void = () => {};
    const machine: Pick<Machine, 'serialOutput' | 'writeSerial' | 'onEvent'> = {
      serialOutput: () => Buffer.from('said'),
      writeSerial: () => Promise.resolve(),
      onEvent: (listener) => {
        tell = listener;
        return () => {};
      },
    };
    const ended: Promise<ConsoleEnd> = attachConsole(machine, terminal);
    tell({ type: 'reset' });
    tell({ type: 'died', status: 'SIGKILL', lastWords: 'out of memory' });
    assert.deepEqual(await ended, { reason: 'died', status: 'SIGKILL', lastWords: 'out of memory' });
    await terminal.until('said');
    assert.equal(terminal.said, 'said');
  });
});
