/** Threat 38: what QEMU is told is only what a machine is; no name of a file or disk can say anything else. */
import assert from 'node:assert/strict';
import { qemuArguments } from '../../../src/workshop/machine/qemu-args.ts';
import type { MachineDisk } from '../../../src/workshop/machine/types.ts';

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
