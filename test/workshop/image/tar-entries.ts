/** An archive of exported files as Python's own tarfile reads it, in the words of a manifest. */
import assert from 'node:assert/strict';
import path from 'node:path';
import type { Digest } from '../../../src/crypto/digest.ts';
import { escapeName, type ManifestEntry } from '../../../src/workshop/image/index.ts';
import { run } from './disks.fixture.ts';

/** Debian's own, whatever else is called python3 on this machine. */
const PYTHON = '/usr/bin/python3';

export type TreeEntry = Extract<ManifestEntry, { readonly mode: number }>;

export interface Row {
  readonly kind: string;
  readonly path: string;
  readonly link: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly device: readonly [number, number];
  readonly xattrs: Digest | null;
  readonly mtime: number;
  readonly names: string;
}

/** By path. Fails where an entry has a time, or the name of a user. */
export function pythonEntries(archive: string): Map<string, TreeEntry> {
  const lines = run(PYTHON, [path.join(import.meta.dirname, 'tar-entries.py'), archive])
    .trimEnd()
    .split('\n');
  const rows = lines.map((line): Row => JSON.parse(line));
  assert.deepEqual([...new Set(rows.map(({ mtime, names }) => `${mtime}${names}`))], ['0']);
  return entriesOf(rows);
}

/**
 * As a manifest has them: `p0/etc/fstab` is `p0:/etc/fstab` (of a logical volume `vg-root:/etc/fstab`), and the smallest name of
 * a file with several is the first.
 */
export function entriesOf(rows: readonly Row[]): Map<string, TreeEntry> {
  const named = (hex: string): string => escapeName(Buffer.from(hex, 'hex')).replace(/^([^/]+)\/?/, '$1:/');
  const first = new Map(rows.map((row) => [named(row.path), row]));
  const names = new Map<string, string[]>();
  for (const row of rows) {
    const target = row.kind === 'hardlink' ? named(row.link) : named(row.path);
    names.set(target, [...(names.get(target) ?? []), named(row.path)].sort());
  }
  return new Map(
    rows.map((row): [string, TreeEntry] => {
      const name = named(row.path);
      const target = row.kind === 'hardlink' ? named(row.link) : name;
      const { kind, mode, uid, gid, sizeBytes, xattrs, device, link, sha256: digest } = first.get(target)!;
      const [smallest = name] = names.get(target) ?? [];
      const entry = {
        kind,
        path: name,
        mode,
        uid,
        gid,
        sizeBytes,
        ...(xattrs !== null && { xattrs }),
        ...(kind === 'file' && { sha256: digest }),
        ...(kind === 'symlink' && { linkTarget: escapeName(Buffer.from(link, 'hex')) }),
        ...((kind === 'character' || kind === 'block') && { device }),
        ...(smallest !== name && { hardLinkOf: smallest }),
      };
      return [name, entry as TreeEntry];
    }),
  );
}
