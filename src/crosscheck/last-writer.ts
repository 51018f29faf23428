/** Which step last wrote an entry of an image: from manifests of the states that its build went through. Pure. */
import type { Manifest } from '../workshop/image/types.ts';
import { diffManifests } from '../workshop/image/manifest.ts';

/** What the disk held after a step. */
export interface Stage {
  /** Id of the step. */
  readonly step: string;
  readonly manifest: Pick<Manifest, 'entries'>;
}

/** Stages are not taken after each step: what was written after `after` (`null`: since the beginning) was so by the end of `step`. */
export interface Writer {
  readonly step: string;
  readonly after: string | null;
}

/**
 * A function from an entry's path to the step after which it was first as it is at the end; undefined where no stage has it
 * so. `stages` are in the order of the build, the finished image last.
 */
export function lastWriterIn(stages: readonly Stage[]): (path: string) => Writer | undefined {
  const writers = new Map<string, Writer>();
  let before: Stage | undefined;
  for (const stage of stages) {
    const writer = { step: stage.step, after: before?.step ?? null };
    for (const { path, where } of diffManifests(before?.manifest ?? { entries: [] }, stage.manifest)) {
      if (where === 'only-in-a') writers.delete(path);
      else writers.set(path, writer);
    }
    before = stage;
  }
  return (path) => writers.get(path);
}
