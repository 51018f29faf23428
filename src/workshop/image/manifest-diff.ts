/** How two manifests differ, entry by entry. */
import type { Manifest, ManifestEntry } from './types.ts';

/** Kinds of difference of one path that both have. */
export type Change =
  | 'kind'
  | 'content'
  | 'size'
  | 'mode'
  | 'owner'
  | 'xattrs'
  | 'link-target'
  | 'hard-link'
  | 'device'
  | 'rule'
  | 'file-system';

export type ManifestDifference =
  | { readonly where: 'only-in-a'; readonly path: string; readonly a: ManifestEntry }
  | { readonly where: 'only-in-b'; readonly path: string; readonly b: ManifestEntry }
  | {
      readonly where: 'both';
      readonly path: string;
      readonly changes: readonly Change[];
      readonly a: ManifestEntry;
      readonly b: ManifestEntry;
    };

/** Sorted by path; empty where the entries are the same. Whether the normalisers are the same is for the caller to ask. */
export function diffManifests(a: Pick<Manifest, 'entries'>, b: Pick<Manifest, 'entries'>): ManifestDifference[] {
  const differences: ManifestDifference[] = [];
  const inB = new Map(b.entries.map((entry) => [entry.path, entry]));
  for (const entry of a.entries) {
    const { path } = entry;
    const other = inB.get(path);
    inB.delete(path);
    if (other === undefined) differences.push({ where: 'only-in-a', path, a: entry });
    else {
      const changes = compareEntries(entry, other);
      if (changes.length > 0) differences.push({ where: 'both', path, changes, a: entry, b: other });
    }
  }
  for (const [path, entry] of inB) differences.push({ where: 'only-in-b', path, b: entry });
  return differences.sort((left, right) => (left.path < right.path ? -1 : 1));
}

function compareEntries(a: ManifestEntry, b: ManifestEntry): readonly Change[] {
  if (a.kind !== b.kind || holds(a) !== holds(b)) return ['kind'];
  const changes: Change[] = [];
  const note = (change: Change, differs: boolean): void => {
    if (differs) changes.push(change);
  };
  note('size', a.sizeBytes !== b.sizeBytes);
  if (a.kind === 'filesystem') {
    note('file-system', b.kind === 'filesystem' && (a.name !== b.name || a.type !== b.type));
    return changes;
  }
  if (b.kind === 'filesystem') return changes;
  note('content', a.sha256 !== b.sha256);
  note('rule', a.rule !== b.rule);
  if (a.kind === 'extent' || b.kind === 'extent') return changes;
  note('mode', a.mode !== b.mode);
  note('owner', a.uid !== b.uid || a.gid !== b.gid);
  note('xattrs', a.xattrs !== b.xattrs);
  note('link-target', a.linkTarget !== b.linkTarget);
  note('hard-link', a.hardLinkOf !== b.hardLinkOf);
  note('device', a.device?.join(':') !== b.device?.join(':'));
  return changes;
}

function holds(entry: ManifestEntry): string | undefined {
  return entry.kind === 'extent' ? entry.holds : undefined;
}
