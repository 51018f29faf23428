import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { FailedError, UnavailableError } from '../../../src/errors.ts';
import { createDisk, createOverlay, flattenDisk, inspectDisk } from '../../../src/workshop/machine/disks.ts';
import { parsePpm } from '../../../src/workshop/machine/ppm.ts';
import { qemuArguments } from '../../../src/workshop/machine/qemu-args.ts';
import { checkDisk, checkMemory, fitAtOnce } from '../../../src/workshop/machine/resources.ts';
import { listenToSerial } from '../../../src/workshop/machine/serial-line.ts';
import type { MachineConfig } from '../../../src/workshop/machine/types.ts';
import { needPrograms } from '../../support/skip.ts';
import { smallMachine } from './guests.ts';

describe('parsePpm', () => {
  const ppm = (head: string, bytes: number) => Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 7)]);

  it('reads size and pixels', () => {
    const picture = parsePpm(ppm('P6\n3 2\n255\n', 18));
    assert.deepEqual([picture.width, picture.height, picture.rgb.length, picture.rgb[17]], [3, 2, 18, 7]);
  });

  const refused: readonly [string, Buffer][] = [
    ['another format', ppm('P5\n3 2\n255\n', 18)],
    ['sixteen bits a colour', ppm('P6\n3 2\n65535\n', 36)],
    ['too few pixels', ppm('P6\n3 2\n255\n', 17)],
    ['too many pixels', ppm('P6\n3 2\n255\n', 19)],
    ['no pixels', ppm('P6\n0 2\n255\n', 0)],
    ['a picture wider than any screen', ppm('P6\n99999 1\n255\n', 299997)],
    ['nothing', Buffer.alloc(0)],
  ];
  for (const [what, bytes] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parsePpm(bytes),
        (error) => error instanceof FailedError && error.code === 'machine/bad-picture',
      );
    });
  }
});

describe('the command line of QEMU', () => {
  const argumentsOf = (config: Partial<MachineConfig> = {}, incoming = false) => {
    const whole = { ...smallMachine([]), ...config };
    return qemuArguments({ config: whole, accelerator: 'tcg', disks: whole.disks, incoming });
  };
  const text = (...parameters: Parameters<typeof argumentsOf>) => argumentsOf(...parameters).join(' ');

  it('is sandboxed, without defaults, and never has a network card', () => {
    const line = text();
    assert.match(line, /-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny/);
    for (const option of ['-nodefaults', '-no-user-config', '-nic none', '-display none'])
      assert.ok(line.includes(option));
    assert.ok(!/netdev|-net |virtio-net|e1000/.test(line));
  });

  it('pins the machine type and names the processor', () => {
    assert.match(text(), /-M pc-i440fx-7\.2 /);
    assert.match(text(), /-cpu Nehalem-v1 /);
  });

  it('starts the clock where the recipe says, and stops it with the machine', () => {
    assert.match(text({ clockEpochSeconds: 1_750_000_000 }), /-rtc base=2025-06-15T15:06:40,clock=vm/);
    assert.match(text(), /-rtc base=utc,clock=vm/);
  });

  it('says what the machine is where the recipe fixes it', () => {
    const uuid = '7fa37c3b-967c-8be0-922e-f47859cc0901';
    assert.ok(text({ uuid }).includes(`-uuid ${uuid} `));
    assert.ok(!text().includes('-uuid'));
  });

  it('gives hard disks to write, removable ones to read only, and boots from hard disks first', () => {
    const line = text({
      disks: [
        { id: 'iso', path: '/m/a.iso', format: 'raw', bus: 'cdrom' },
        { id: 'root', path: '/m/a.qcow2', format: 'qcow2', bus: 'virtio' },
        { id: 'parts', path: '/m/p.raw', format: 'raw', bus: 'usb' },
        { id: 'look', path: '/m/l.raw', format: 'raw', bus: 'virtio', readOnly: true },
      ],
    });
    for (const [id, readOnly] of [
      ['iso', 'on'],
      ['root', 'off'],
      ['parts', 'on'],
      ['look', 'on'],
    ] as const) {
      assert.match(line, new RegExp(`node-name=disk-${id},read-only=${readOnly}`));
      assert.match(line, new RegExp(`node-name=disk-${id}-file,read-only=${readOnly}`));
    }
    assert.match(line, /qemu-xhci,id=usb -device|qemu-xhci,id=usb/);
    const order = (id: string) => Number(new RegExp(`id=${id},bootindex=(\\d+)`).exec(line)?.[1]);
    assert.ok(order('root') < order('iso'));
    assert.ok(!line.includes('id=parts,bus=usb.0,removable=on,bootindex'));
  });

  it('lets no path become an option', () => {
    const path = '/m/x,read-only=off,if=none.raw';
    const args = argumentsOf({ disks: [{ id: 'a', path, format: 'raw', bus: 'usb' }] });
    assert.ok(args.some((arg) => arg.endsWith('filename=/m/x,,read-only=off,,if=none.raw')));
    const kernel = argumentsOf({ kernel: { path: '/k', initrd: '/i,j', args: 'a -b --- c' } });
    assert.equal(kernel[kernel.indexOf('-append') + 1], 'a -b --- c');
    assert.equal(kernel[kernel.indexOf('-initrd') + 1], '/i,j');
  });

  it('waits for a saved state only where one will come', () => {
    assert.ok(text({}, true).endsWith('-S -incoming defer'));
    assert.ok(!text().includes('-incoming'));
  });
});

describe('what a guest says on its serial line', () => {
  it('is kept in order, however it comes, and can be answered', async () => {
    const [ours, guest] = duplexPair();
    const line = listenToSerial(ours);
    for (let count = 0; count < 500; count++) guest.write(`line ${count}\r\n`);
    await new Promise((resolve) => setImmediate(resolve));
    await line.write(Buffer.from('root\n'));
    const text = Buffer.from(line.output()).toString();
    assert.ok(text.startsWith('line 0\r\nline 1\r\n') && text.endsWith('line 499\r\n'));
    assert.equal(String(guest.read()), 'root\n');
  });

  it('is not taken beyond its limit, and what was taken stays where it was', async () => {
    const [ours, guest] = duplexPair();
    const line = listenToSerial(ours, 1000);
    for (let count = 0; count < 50; count++) guest.write('0123456789'.repeat(10));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(line.output().length, 1000);
    assert.equal(Buffer.from(line.output()).toString(), '0123456789'.repeat(100));
  });
});

describe('before a machine starts', () => {
  it('too little memory is an error with the numbers', () => {
    checkMemory(1024, 2 * 1024 ** 3);
    assert.throws(
      () => checkMemory(1024, 1024 ** 3),
      (error) => {
        assert.ok(error instanceof UnavailableError && error.code === 'machine/too-little-memory');
        assert.match(error.message, /1280 MiB.*1024 for the guest.*1024 MiB are free/);
        return true;
      },
    );
  });

  it('two run at once where each has a processor, and there is memory for both and some to spare', () => {
    const needed = (1024 + 256 + (256 + 256) + 512) * 1024 ** 2;
    const fit = (availableBytes: number, processors: number) => fitAtOnce([1024, 256], { availableBytes, processors });
    assert.equal(fit(needed, 2), true);
    assert.equal(fit(needed - 1, 2), false);
    assert.equal(fit(64 * needed, 1), false);
  });

  it('too little room on the disk is an error with the numbers', async () => {
    await checkDisk(tmpdir(), 1);
    await assert.rejects(
      checkDisk('/somewhere', 512 * 1024 ** 2, () => Promise.resolve(100 * 1024 ** 2)),
      (error) => error instanceof UnavailableError && /512 MiB.*100 MiB/.test(error.message),
    );
  });
});

describe('disk images', () => {
  let folder: string;

  before(async function () {
    needPrograms(this, 'qemu-img');
    folder = await mkdtemp(join(tmpdir(), 'pg-disks-'));
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('are made in both formats, and lie over one another', async () => {
    const raw = { path: join(folder, 'a.raw'), format: 'raw' } as const;
    const overlay = { path: join(folder, 'b.qcow2'), format: 'qcow2' } as const;
    await createDisk(raw, 4 * 1024 ** 2);
    await createOverlay(overlay.path, raw);
    await createOverlay(join(folder, 'c.qcow2'), overlay);
    const alone = join(folder, 'alone.raw');
    await flattenDisk(overlay, { path: alone, format: 'raw' });
    for (const file of [raw.path, overlay.path, alone]) assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    const info = await inspectDisk(join(folder, 'c.qcow2'));
    assert.deepEqual(info, {
      format: 'qcow2',
      sizeBytes: 4 * 1024 ** 2,
      chain: [join(folder, 'c.qcow2'), overlay.path, raw.path],
    });
    assert.equal((await readFile(raw.path)).length, 4 * 1024 ** 2);
  });

  it('that cannot be made are an error with the words of qemu-img', async () => {
    await assert.rejects(
      createOverlay(join(folder, 'd.qcow2'), { path: join(folder, 'missing.raw'), format: 'raw' }),
      (error) => error instanceof FailedError && error.code === 'machine/disk' && error.message.includes('missing.raw'),
    );
  });
});
