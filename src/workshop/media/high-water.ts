/**
 * The newest Release date accepted for each suite, kept in the media cache, so that an old InRelease is noticed.
 *
 * One empty file per accepted date, `marks/<suite>/<milliseconds>`: two builds that write at once cannot take a mark back,
 * as nothing is ever overwritten. The mark is the highest name.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listDirectory } from './atomic-file.ts';
import type { Release } from './release.ts';

export interface HighWaterMarks {
  newest(release: Release): Promise<Date | undefined>;
  /** Call after the Release has passed every check. */
  raise(release: Release): Promise<void>;
}

export function highWaterMarks(cacheDir: string): HighWaterMarks {
  const datesOf = (release: Release): HighestDate =>
    datesIn(join(cacheDir, 'marks', encodeURIComponent(`${release.origin} ${release.label} ${release.codename}`)));
  return {
    newest: (release) => datesOf(release).newest(),
    raise: (release) => datesOf(release).raise(release.date),
  };
}

export interface HighestDate {
  newest(): Promise<Date | undefined>;
  raise(date: Date): Promise<void>;
}

/** The newest date that was ever raised in `directory`. */
export function datesIn(directory: string): HighestDate {
  const marksThere = async () =>
    (await listDirectory(directory))
      .filter((name) => /^\d{1,15}$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  return {
    async newest() {
      const highest = (await marksThere()).at(-1);
      return highest === undefined ? undefined : new Date(highest);
    },
    async raise(date) {
      const mark = date.getTime();
      const marks = await marksThere();
      if (marks.includes(mark)) return;
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(join(directory, String(mark)), '');
      for (const lower of marks) if (lower < mark) await rm(join(directory, String(lower)), { force: true });
    },
  };
}
