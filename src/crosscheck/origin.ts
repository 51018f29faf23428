/** What is known of a difference beside that it is one: what lies there, and the step that last wrote it here. Pure. */
import type { ManifestDifference } from '../workshop/image/manifest.ts';
import { lastWriterIn, type Stage } from './last-writer.ts';
import { placeOf } from './places.ts';

export type NamedDifference = ManifestDifference & {
  /** What the bytes are, where they are no file. */
  readonly place?: string;
  /** It was as it is at the end of this step, and written after the step `after` (`null`: since the beginning). */
  readonly step?: string;
  readonly after?: string | null;
};

/** `stages` of the build here; without any no step is named. */
export function withOrigins(differences: readonly ManifestDifference[], stages: readonly Stage[]): NamedDifference[] {
  const writerOf = lastWriterIn(stages);
  return differences.map((difference) => {
    const [writer, place] = [writerOf(difference.path), placeOf(difference.path)];
    return { ...difference, ...(place !== undefined && { place }), ...writer };
  });
}

/** One line for people. Whoever keeps few checkpoints knows the step less exactly. */
export function describeWriter({ step, after }: Pick<NamedDifference, 'step' | 'after'>): string | undefined {
  if (step === undefined) return undefined;
  if (after === null || after === undefined) return `last written here by the step ${step}, or one before it`;
  return `last written here by the step ${step}, or one after ${after}`;
}
