/** What the normaliser rules of an image keep out of the comparison, found by reading it once more without any. */
import type { Digest } from '../crypto/digest.ts';
import { compileRules, diffManifests, readImageManifest, showImage } from '../workshop/image/index.ts';
import type { Home } from './home.ts';
import { altered, measureImage, rulesOf } from './read-image.ts';

export interface Hidden {
  readonly path: string;
  readonly rule: string;
  readonly version: number;
  readonly reason: string;
  /** On the disk, and as it was compared. Equal where the rule found nothing to rewrite. */
  readonly is: Counted;
  readonly countsAs: Counted;
}

interface Counted {
  readonly sizeBytes: number;
  readonly sha256: Digest | null;
}

export interface HiddenOptions {
  /** Told before the image is read, which takes a while. */
  readonly onReading?: () => void;
  readonly signal: AbortSignal;
}

/** Sorted by path. Rejects with `image/altered` where anything differs that no rule has touched. */
export async function hiddenByRules(
  home: Home,
  id: string,
  { onReading, signal }: HiddenOptions,
): Promise<readonly Hidden[]> {
  const image = await showImage(home.imagesDir, id);
  const kept = await readImageManifest(home.imagesDir, image);
  const touched = kept.entries.flatMap((entry) =>
    'rule' in entry && entry.rule !== undefined ? [{ entry, rule: entry.rule }] : [],
  );
  if (touched.length === 0) return [];
  const rules = compileRules(await rulesOf(home, image, kept));
  onReading?.();
  const bare = await measureImage(home, image, { as: 'hidden', normalise: [] }, signal);
  const paths = new Set(touched.map(({ entry }) => entry.path));
  const untouched = diffManifests(kept, bare).filter(({ path }) => !paths.has(path));
  if (untouched.length > 0) throw altered(image, bare, untouched);
  const found = new Map(bare.entries.map((entry) => [entry.path, entry]));
  return touched.map(({ entry, rule }) => ({
    path: entry.path,
    rule,
    version: rules.explain(rule, entry.path)?.version ?? 1,
    reason: rules.explain(rule, entry.path)?.reason ?? '',
    is: counted(found.get(entry.path)),
    countsAs: counted(entry),
  }));
}

function counted(entry: { readonly sizeBytes: number; readonly sha256?: Digest } | object | undefined): Counted {
  if (entry === undefined || !('sizeBytes' in entry)) return { sizeBytes: 0, sha256: null };
  return { sizeBytes: entry.sizeBytes, sha256: entry.sha256 ?? null };
}
