/** Threat 38: what QEMU is told is only what a machine is; no name of a file or disk can say anything else. */
import assert from 'node:assert/strict';
import { qemuArguments } from '../../../src/workshop/machine/qemu-args.ts';
import type { MachineConfig, MachineDisk } from '../../../src/workshop/machine/types.ts';

const argumentsFor = (disks: readonly MachineDisk[], ports: readonly string[] = [], pointer = false): string[] =>
  qemuArguments({
    config: {
      arch: 'x86_64',
      cpus: 1,
      memoryMiB: 64,
      disks,
      ports,
      kernel: { path: '/k', initrd: '/i', args: 'a=b' },
      ...(pointer && { pointer: 'tablet' }),
    },
    accelerator: 'tcg',
    disks,
    incoming: false,
  });

/** The values of one option, each split at the commas that end a value. */
const valuesOf = (args: readonly string[], option: string): string[][] =>
  args.flatMap((arg, index) =>
    args[index - 1] === option
      ? [
          arg
            .replaceAll(',,', '\0')
            .split(',')
            .map((value) => value.replaceAll('\0', ',')),
        ]
      : [],
  );

describe('the command line of QEMU', () => {
  const plan = (config: Partial<MachineConfig>, disks: readonly MachineDisk[] = []): string[] =>
    qemuArguments({
      config: { arch: 'x86_64', cpus: 1, memoryMiB: 64, disks, ...config },
      accelerator: 'tcg',
      disks,
      incoming: false,
    });
  const after = (args: readonly string[], option: string): string | undefined => args[args.indexOf(option) + 1];

  it('says nothing of what an ordinary machine does not have, so that its saved states stay good', () => {
    const args = plan({});
    assert.equal(after(args, '-M'), 'pc-i440fx-7.2');
    assert.equal(after(args, '-cpu'), 'Nehalem-v1');
    assert.equal(after(args, '-vga'), 'std');
    assert.ok(!args.includes('-device') && !args.includes('-blockdev'));
  });

  it('gives a 32-bit PC a processor without 64-bit mode', () => {
    assert.equal(after(plan({ arch: 'i386' }), '-cpu'), 'coreduo-v1');
  });

  it('has UEFI in the flash of the board: the code read-only, the variables a disk that is written', () => {
    const variables: MachineDisk = { id: 'uefi.variables', path: '/v', format: 'qcow2', bus: 'pflash' };
    const args = plan({ firmware: { path: '/code' } }, [variables]);
    assert.equal(after(args, '-M'), 'pc-i440fx-7.2,pflash0=firmware,pflash1=disk-uefi.variables');
    const nodes = new Map(valuesOf(args, '-blockdev').map((values) => [values[1]?.replace('node-name=', ''), values]));
    assert.ok(nodes.get('firmware-file')?.includes('filename=/code'));
    assert.ok(nodes.get('firmware')?.includes('read-only=on'));
    assert.ok(nodes.get('disk-uefi.variables')?.includes('read-only=off'));
    assert.ok(!args.includes('-device'), 'the variables are no disk of the guest');
    assert.throws(() => plan({ firmware: { path: '/code' } }), /disk for its variables/);
  });

  it('has a network card only for the ports that lead in, from the loopback, and none that leads out', () => {
    const args = plan({
      forwards: [
        { hostPort: 2222, guestPort: 22 },
        { hostPort: 8080, guestPort: 80 },
      ],
    });
    assert.deepEqual(valuesOf(args, '-netdev'), [
      ['user', 'id=doors', 'restrict=on', 'hostfwd=tcp:127.0.0.1:2222-:22', 'hostfwd=tcp:127.0.0.1:8080-:80'],
    ]);
    assert.deepEqual(valuesOf(args, '-device'), [['virtio-net-pci', 'netdev=doors', 'romfile=']]);
    assert.ok(!plan({ forwards: [] }).includes('-netdev'));
  });

  it('has a cable to a socket of ours where the recipe wants a network, behind the sockets of its ports', () => {
    const args = plan({ network: { allow: [] }, ports: ['a', 'b'] });
    assert.deepEqual(valuesOf(args, '-netdev'), [['socket', 'id=cable', 'fd=7']]);
    const [card] = valuesOf(args, '-device').filter(([model]) => model === 'virtio-net-pci');
    assert.deepEqual(card, ['virtio-net-pci', 'netdev=cable', 'mac=52:54:00:12:34:56', 'romfile=']);
  });

  it('opens all that may be put into a drive at the start, for reading alone, and shows what is in it', () => {
    const args = plan({
      drives: [
        { drive: 'cd', medium: 'two' },
        { drive: 'floppy', medium: null },
      ],
      shelf: { one: '/1', two: '/2,readonly=off' },
    });
    const files = valuesOf(args, '-blockdev').filter(([driver]) => driver === 'driver=file');
    assert.deepEqual(files, [
      ['driver=file', 'node-name=medium-one-file', 'read-only=on', 'filename=/1'],
      ['driver=file', 'node-name=medium-two-file', 'read-only=on', 'filename=/2,readonly=off'],
    ]);
    assert.deepEqual(valuesOf(args, '-device'), [
      ['ide-cd', 'id=iso', 'drive=medium-two', 'bootindex=1001'],
      ['floppy', 'id=floppy', 'drive-type=144'],
    ]);
  });

  it('tells the resolution that the monitor prefers', () => {
    const args = plan({ display: { width: 1024, height: 768 } });
    assert.equal(after(args, '-vga'), 'none');
    assert.deepEqual(valuesOf(args, '-device'), [['VGA', 'xres=1024', 'yres=768']]);
  });
});

describe('threat 38: the command line of QEMU', () => {
  const evil = '/home/a,readonly=off,file=b/x,,y/json:{"driver":"nbd"}.img';

  it('takes the path of a disk as one value, whatever is in it', () => {
    const [file = [], format = []] = valuesOf(
      argumentsFor([{ id: 'root', path: evil, format: 'raw', bus: 'usb' }]),
      '-blockdev',
    );
    assert.deepEqual(file, ['driver=file', 'node-name=disk-root-file', 'read-only=on', `filename=${evil}`]);
    assert.deepEqual(format, ['driver=raw', 'node-name=disk-root', 'read-only=on', 'file=disk-root-file']);
  });

  it('always says the format of a disk, so that what a guest wrote at its beginning is never believed', () => {
    const formats = (['raw', 'qcow2'] as const).map((format) =>
      argumentsFor([{ id: 'root', path: '/x', format, bus: 'virtio' }]),
    );
    for (const args of formats) {
      assert.ok(valuesOf(args, '-blockdev').every(([driver]) => /^driver=(?:file|raw|qcow2)$/.test(driver ?? '')));
      for (const option of ['-drive', '-hda', '-cdrom', '-fda', '-sd', '-snapshot']) assert.ok(!args.includes(option));
    }
  });

  it('is confined, has nothing that was not asked for, no network and no folder of the host', () => {
    const args = argumentsFor([{ id: 'root', path: '/x', format: 'raw', bus: 'virtio' }], ['measure']);
    const after = (option: string): string | undefined => args[args.indexOf(option) + 1];
    assert.ok(args.includes('-nodefaults') && args.includes('-no-user-config'));
    assert.equal(after('-sandbox'), 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny');
    assert.equal(after('-nic'), 'none');
    assert.doesNotMatch(args.join(' '), /-netdev|-virtfs|-fsdev|-chroot|vvfat|-readconfig|guestfwd|-vnc|,path=/);
  });
});

describe('the pointer of a machine', () => {
  const usb: MachineDisk = { id: 'parts', path: '/x', format: 'raw', bus: 'usb' };

  it('is one tablet, on the controller that USB disks are on too', () => {
    for (const disks of [[], [usb]]) {
      const devices = valuesOf(argumentsFor(disks, [], true), '-device').map(([device]) => device);
      assert.equal(devices.filter((device) => device === 'usb-tablet').length, 1);
      assert.equal(devices.filter((device) => device === 'qemu-xhci').length, 1);
    }
  });

  it('is not there where nobody points', () => {
    assert.ok(!argumentsFor([usb]).join(' ').includes('tablet'));
    assert.ok(!argumentsFor([]).join(' ').includes('xhci'));
  });
});
