/** Which step last wrote an entry of an image: from manifests of the states that its build went through. Pure. */
import type { Manifest, ManifestEntry } from '../workshop/image/types.ts';
import { diffManifests } from '../workshop/image/manifest.ts';

/** What the disk held after a step. */
export interface Stage {
  /** Id of the step. */
  readonly step: string;
  readonly manifest: Pick<Manifest, 'entries'>;
}

/**
 * A function from an entry's path to the step after which it was first as it is at the end; undefined where no stage has it
 * so. `stages` are in the order of the build, the finished image last.
 */
export function lastWriterIn(stages: readonly Stage[]): (path: string) => string | undefined {
  const writers = new Map<string, string>();
  let before: readonly ManifestEntry[] = [];
  for (const { step, manifest } of stages) {
    for (const { path, where } of diffManifests({ entries: before }, manifest)) {
      if (where === 'only-in-a') writers.delete(path);
      else writers.set(path, step);
    }
    before = manifest.entries;
  }
  return (path) => writers.get(path);
}
