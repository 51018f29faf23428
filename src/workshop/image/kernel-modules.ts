/**
 * Which kernel modules a module needs, read from the modules themselves. A Debian kernel package ships no `modules.dep`
 * (depmod makes it on installation), but each `.ko` names what it depends on in its ELF section `.modinfo`.
 */
import { UnavailableError } from '../../errors.ts';

/** Values of the `key=value` strings in a module's `.modinfo`. ELF64 little-endian, not compressed. */
export function readModinfo(module: Buffer): ReadonlyMap<string, string> {
  const section = modinfoSection(module);
  const info = new Map<string, string>();
  for (const line of section.toString('latin1').split('\0')) {
    const equals = line.indexOf('=');
    if (equals > 0 && !info.has(line.slice(0, equals))) info.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return info;
}

function modinfoSection(elf: Buffer): Buffer {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) {
    throw new UnavailableError('image/bad-module', 'a kernel module is not an uncompressed 64-bit ELF file');
  }
  // System V ABI, ELF-64: e_shoff at 0x28, e_shentsize 0x3a, e_shnum 0x3c, e_shstrndx 0x3e.
  const tableOffset = Number(elf.readBigUInt64LE(0x28));
  const entrySize = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const header = (index: number): { name: number; bytes: Buffer } => {
    const at = tableOffset + index * entrySize;
    const offset = Number(elf.readBigUInt64LE(at + 0x18));
    return { name: elf.readUInt32LE(at), bytes: elf.subarray(offset, offset + Number(elf.readBigUInt64LE(at + 0x20))) };
  };
  const names = header(elf.readUInt16LE(0x3e)).bytes;
  for (let index = 0; index < count; index += 1) {
    const { name, bytes } = header(index);
    if (names.subarray(name, names.indexOf(0, name)).toString('latin1') === '.modinfo') return bytes;
  }
  throw new UnavailableError('image/bad-module', 'a kernel module has no .modinfo section');
}

/** `ext4.ko` and `kernel/fs/ext4/ext4.ko` → `ext4`; the kernel takes `-` and `_` for the same. */
export function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko$/, '')
    .replaceAll('-', '_');
}

/**
 * The wanted modules and all that they need, in an order that `insmod` can follow: what a module needs stands before it.
 * `dependsOn` gives a module's direct needs, or undefined where the kernel has no such module.
 */
export function moduleOrder(
  wanted: readonly string[],
  dependsOn: (name: string) => readonly string[] | undefined,
): readonly string[] {
  const order: string[] = [];
  const open = new Set<string>();
  const add = (name: string, neededBy: string): void => {
    if (order.includes(name)) return;
    const needs = dependsOn(name);
    if (needs === undefined || open.has(name)) {
      throw new UnavailableError(
        'image/module-missing',
        `the kernel package has no usable module "${name}" (needed by ${neededBy})`,
        { facts: { module: name, neededBy } },
      );
    }
    open.add(name);
    for (const need of needs) add(need, name);
    open.delete(name);
    order.push(name);
  };
  for (const name of wanted) add(moduleName(name), 'the measuring VM');
  return order;
}
