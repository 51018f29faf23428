/**
 * `dirHash1` (in-toto DigestSet; Go's `sumdb/dirhash.Hash1` in hexadecimal): SHA-256 over what `sha256sum` prints for all
 * regular files, sorted by name. Anybody with the file systems mounted at `p1/`, `vg-root/`, … computes
 * it in one line:
 *
 *   find p1 vg-root -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
 *
 * Files that a rule rewrote are left out: they are not what `sha256sum` would see. The manifest names them.
 */
import { type Digest, digestHex, sha256 } from '../../crypto/digest.ts';
import { unescapeName } from './escape.ts';
import type { ManifestEntry } from './types.ts';

export function dirHash1(entries: readonly ManifestEntry[]): Digest {
  const files: { readonly name: Buffer; readonly hex: string }[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'file' || entry.sha256 === undefined || entry.rule !== undefined) continue;
    // `p1:/etc/fstab` → `p1/etc/fstab`
    const name = unescapeName(entry.path.replace(':', ''));
    if (name !== undefined) files.push({ name, hex: digestHex(entry.sha256) });
  }
  files.sort((a, b) => Buffer.compare(a.name, b.name));
  return sha256(Buffer.concat(files.map(({ name, hex }) => line(name, hex))));
}

/** coreutils puts a backslash before a line whose name it had to escape: backslash, line feed, carriage return. */
function line(name: Buffer, hex: string): Buffer {
  const latin1 = name.toString('latin1');
  const escaped = latin1.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return Buffer.from(`${escaped === latin1 ? '' : '\\'}${hex}  ${escaped}\n`, 'latin1');
}
