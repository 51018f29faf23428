import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UnavailableError } from '../../../src/errors.ts';
import { acceleratorCandidates, hostBootId, probeAccelerator } from '../../../src/workshop/machine/accelerator.ts';
import { hostFactor, measureHost } from '../../../src/workshop/machine/host-speed.ts';
import { PROBE_LETTERS, probeRom } from '../../../src/workshop/machine/probe-rom.ts';
import { needPrograms, skip } from '../../support/skip.ts';
import { needQemu } from './guests.ts';

const run = promisify(execFile);

describe('the accelerator probe', function () {
  this.timeout(600_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pg-probe-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A program in QEMU's place: each accelerator behaves as its shell line says. `$1` is the accelerator's name. */
  async function fakeQemu(behaviour: Readonly<Record<string, string>>): Promise<string> {
    const path = join(folder, 'qemu');
    const cases = Object.entries(behaviour).map(([name, line]) => `*"-accel ${name} "*) ${line} ;;`);
    await writeFile(path, `#!/bin/sh\necho x >> ${join(folder, 'runs')}\ncase "$*" in\n${cases.join('\n')}\nesac\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** What ends by itself is waited for: a busy host may take long to start a program at all. */
  const patient = { bootId: 'b', candidates: ['kvm'], limitMs: 60_000 } as const;
  const PASS = `printf ${PROBE_LETTERS}; exit 33`;

  it('selects hardware that gives the whole proof', async () => {
    const qemu = await fakeQemu({ kvm: PASS, tcg: 'exit 1' });
    const { accelerator, probes } = await probeAccelerator({ ...patient, qemu });
    assert.equal(accelerator, 'kvm');
    assert.equal(probes.length, 1);
  });

  it('falls back to software emulation where hardware hangs', async () => {
    const qemu = await fakeQemu({ kvm: 'printf R; exec sleep 600', tcg: PASS });
    const { accelerator, probes } = await probeAccelerator({ ...patient, qemu, limitMs: 200 });
    assert.equal(accelerator, 'tcg');
    assert.equal(probes[0]?.passed, false);
    assert.equal(probes[0].end, 'no end within 200 ms');
  });

  const failures: readonly [string, string, RegExp][] = [
    ['aborts', 'echo "failed to set MSR 0x10a" >&2; kill -ABRT $$', /^signal SIGABRT$/],
    ['ends well without all letters', 'printf RLWC; exit 33', /^exit 33$/],
    ['gives all letters and another exit status', `printf ${PROBE_LETTERS}; exit 0`, /^exit 0$/],
  ];
  for (const [what, line, end] of failures) {
    it(`falls back to software emulation where hardware ${what}`, async () => {
      const qemu = await fakeQemu({ kvm: line, tcg: PASS });
      const { accelerator, probes } = await probeAccelerator({ ...patient, qemu });
      assert.equal(accelerator, 'tcg');
      assert.equal(probes[0]?.passed, false);
      assert.match(probes[0].end, end);
    });
  }

  it('is an error where not even software emulation passes, with what was tried', async () => {
    const qemu = await fakeQemu({ kvm: 'exit 1', tcg: 'exit 2' });
    await assert.rejects(probeAccelerator({ ...patient, qemu }), (error) => {
      assert.ok(error instanceof UnavailableError && error.code === 'machine/no-accelerator');
      assert.match(error.message, /exit 2/);
      return true;
    });
  });

  it('keeps its choice until the host boots again, and does not trust a damaged note', async () => {
    const cacheFile = join(folder, 'cache', 'accelerator.json');
    const qemu = await fakeQemu({ kvm: 'exit 1', tcg: PASS });
    const probe = (bootId: string) => probeAccelerator({ ...patient, qemu, cacheFile, bootId });
    const runs = async () => (await readFile(join(folder, 'runs'), 'utf8')).length / 2;
    await probe('monday');
    assert.equal(await runs(), 2);
    assert.deepEqual(await probe('monday'), { accelerator: 'tcg', probes: [] });
    assert.equal(await runs(), 2);
    await probe('tuesday');
    assert.equal(await runs(), 4);
    await writeFile(cacheFile, '{"key":');
    await probe('tuesday');
    assert.equal(await runs(), 6);
  });

  it('stops when it is told to', async () => {
    const qemu = await fakeQemu({ kvm: 'exec sleep 600', tcg: PASS });
    const reason = new Error('enough');
    const abort = new AbortController();
    const probing = probeAccelerator({ ...patient, qemu, signal: abort.signal });
    setImmediate(() => abort.abort(reason));
    await assert.rejects(probing, (error) => error === reason);
  });

  it('knows the boot of this host, the same each time', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux tells one boot from another');
    assert.equal(await hostBootId(), await hostBootId());
    assert.match(await hostBootId(), /^[0-9a-f-]{36}$/);
  });

  it('is the program that its source says', async function () {
    needPrograms(this, 'as', 'ld');
    const source = fileURLToPath(new URL('../../../src/workshop/machine/probe-rom.S', import.meta.url));
    const object = join(folder, 'rom.o');
    const binary = join(folder, 'rom.bin');
    await run('as', ['--64', '-o', object, source]);
    await run('ld', ['-Ttext', '0', '--oformat', 'binary', '-o', binary, object]);
    assert.deepEqual(Buffer.from(probeRom()), await readFile(binary));
  });

  describe('with the real QEMU', () => {
    before(function () {
      needQemu(this);
    });

    it('passes every stage under software emulation', async () => {
      const { accelerator, probes } = await probeAccelerator({ bootId: 'b', candidates: [] });
      assert.equal(accelerator, 'tcg');
      assert.deepEqual([probes[0]?.letters, probes[0]?.end], [PROBE_LETTERS, 'exit 33']);
    });

    it('comes to a choice whatever this host\u2019s own hardware does', async () => {
      const candidates = await acceleratorCandidates();
      const { accelerator, probes } = await probeAccelerator({ bootId: 'b', candidates });
      assert.equal(accelerator, probes.find(({ passed }) => passed)?.accelerator);
      assert.deepEqual(
        probes.map((probe) => probe.accelerator),
        [...candidates, 'tcg'].slice(0, probes.length),
      );
    });

    it('measures how fast the host runs a guest', async () => {
      const speed = await measureHost({ accelerator: 'tcg' });
      assert.ok(speed.probeMs > 0 && speed.hostFactor >= 1 && speed.hostFactor <= 30);
    });
  });
});

describe('hostFactor', () => {
  it('is how many times slower than the reference the host is, between 1 and 30', () => {
    assert.equal(hostFactor(90), 1);
    assert.equal(hostFactor(300), 1);
    assert.equal(hostFactor(1500), 5);
    assert.equal(hostFactor(3_600_000), 30);
  });
});
