/**
 * The smallest Linux that tests can give their own /init: Debian's kernel and busybox from verified packages, with drivers for
 * all that our machines have. Its screen is VGA text some seconds after power-on; as a CD it boots from isolinux' prompt.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { writeCpio, type CpioEntry } from '../../src/workshop/image/cpio.ts';
import { moduleName, moduleOrder, readModinfo } from '../../src/workshop/image/kernel-modules.ts';
import { toolPackage } from '../../src/workshop/image/measuring-tools.ts';
import { needQemu } from '../workshop/machine/guests.ts';
import { packages } from './packages.ts';

const run = promisify(execFile);

/** The disks' buses, the CD, USB, the network card, and the file systems that tests put on them. */
const MODULES = (
  'virtio_pci virtio_blk virtio_net ata_piix sr_mod sd_mod xhci_pci usb_storage uas ' +
  'isofs vfat nls_cp437 nls_ascii nls_iso8859_1 ext4 crc32c_generic'
).split(' ');

/** Before the test's own script: file systems, drivers, every tool of busybox. The kernel says no more on the screen. */
const HEAD = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /etc /root /usr/bin /usr/sbin /sbin
/bin/busybox --install -s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
for module in $(cat /modules/order); do insmod /modules/$module.ko; done
exec </dev/tty1 >/dev/tty1 2>&1
export HOME=/root TERM=linux PATH=/bin:/sbin:/usr/bin:/usr/sbin
`;

/** DHCP of our own network: what a script of udhcpc is for. */
export const NETWORK_UP = `
cat > /run/udhcpc <<'END'
#!/bin/sh
[ "$1" = bound ] && ip addr add $ip/24 dev $interface && ip route add default via $router
exit 0
END
chmod +x /run/udhcpc
ip link set eth0 up
udhcpc -i eth0 -n -q -s /run/udhcpc
`;

export interface SmallLinux {
  readonly kernel: string;
  readonly initrd: string;
}

/** Skips, and says why, where the packages or QEMU are not to be had. `init` runs as process 1, after `HEAD`. */
export async function smallLinux(context: Mocha.Context, folder: string, init: string): Promise<SmallLinux> {
  const { kernel, entries } = await parts(context);
  const files = { kernel: path.join(folder, 'vmlinuz'), initrd: path.join(folder, 'initrd') };
  await writeFile(files.kernel, kernel);
  const script: CpioEntry = { path: 'init', kind: 'file', mode: 0o755, data: Buffer.from(HEAD + init) };
  await writeFile(files.initrd, writeCpio([...entries, script]));
  return files;
}

/** The same as a CD that waits at `boot:`, as Debian's installer does after Esc; what is typed there goes to the kernel. */
export async function bootDisc(context: Mocha.Context, folder: string, init: string): Promise<string> {
  const tree = path.join(folder, 'disc');
  await mkdir(path.join(tree, 'isolinux'), { recursive: true });
  await smallLinux(context, tree, init);
  const loaders = await packages(context, ['isolinux', 'syslinux-common']);
  const wanted = /\/(ISOLINUX\/isolinux\.bin|modules\/bios\/ldlinux\.c32)$/;
  for (const deb of loaders)
    for await (const { path: file, data } of toolPackage(deb).files((name) => wanted.test(name)))
      await writeFile(path.join(tree, 'isolinux', path.basename(file)), data);
  const menu = 'prompt 1\ntimeout 0\nlabel auto\n  kernel /vmlinuz\n  append initrd=/initrd quiet\n';
  await writeFile(path.join(tree, 'isolinux/isolinux.cfg'), menu);
  const iso = path.join(folder, 'disc.iso');
  const boot = ['-b', 'isolinux/isolinux.bin', '-c', 'isolinux/boot.cat', '-no-emul-boot', '-boot-info-table'];
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-o', iso, ...boot, '-boot-load-size', '4', tree]);
  return iso;
}

interface Parts {
  readonly kernel: Uint8Array;
  /** All of the initramfs but the script. */
  readonly entries: readonly CpioEntry[];
}

let known: Promise<Parts> | undefined;

async function parts(context: Mocha.Context): Promise<Parts> {
  needQemu(context);
  known ??= collect(context);
  return known;
}

async function collect(context: Mocha.Context): Promise<Parts> {
  const [metapackage] = await packages(context, ['linux-image-amd64']);
  const { stdout } = await run('dpkg-deb', ['--field', metapackage?.path ?? '', 'Depends']);
  const [kernelPackage = ''] = /linux-image-\d[a-z0-9.+-]*-amd64/.exec(stdout) ?? [];
  const modules = new Map<string, Buffer>();
  let kernel: Uint8Array | undefined;
  let busybox: Uint8Array | undefined;
  const wanted = /^(boot\/vmlinuz-|(usr\/)?lib\/modules\/.*\.ko$|(usr\/)?bin\/busybox$)/;
  for (const deb of await packages(context, [kernelPackage, 'busybox-static'])) {
    for await (const { path: file, data } of toolPackage(deb).files((name) => wanted.test(name))) {
      if (file.endsWith('.ko')) modules.set(moduleName(file), Buffer.from(data));
      else if (file.startsWith('boot/')) kernel = data;
      else busybox = data;
    }
  }
  if (kernel === undefined || busybox === undefined) throw new Error('no kernel or no busybox in their packages');
  const order = moduleOrder(MODULES, (name) => {
    const module = modules.get(name);
    return module && (readModinfo(module).get('depends') ?? '').split(',').filter(Boolean).map(moduleName);
  });
  const file = (name: string, data: Uint8Array, mode = 0o644): CpioEntry => ({ path: name, kind: 'file', data, mode });
  return {
    kernel,
    entries: [
      ...['bin', 'dev', 'modules'].map((name): CpioEntry => ({ path: name, kind: 'directory' })),
      { path: 'dev/console', kind: 'character', mode: 0o600, device: [5, 1] },
      file('bin/busybox', busybox, 0o755),
      file('modules/order', Buffer.from(`${order.join('\n')}\n`)),
      ...order.map((name) => file(`modules/${name}.ko`, modules.get(name) ?? Buffer.alloc(0))),
    ],
  };
}
