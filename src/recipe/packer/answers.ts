/** Answers for an installer: over HTTP where Packer serves them too, and those of its drives on one disk. Pure. */
import { MAX_ACTS } from '../limits.ts';
import type { ServedFile } from '../types.ts';
import { DISK_LABEL, type GuestFiles } from './guest-files.ts';
import { NotPure } from './not-pure.ts';
import type { Settings } from './template.ts';
import { textOfValue } from './value.ts';
import type { Verdict } from './verdict.ts';

export interface AnswerSource {
  /** The text of a file of the folder. Throws `NotPure`. */
  readonly read: (path: string) => string;
  /** Paths below a folder of the folder. Throws `NotPure`. */
  readonly list: (folder: string) => readonly string[];
}

type Say = (outcome: Verdict['outcome'], setting: string, why?: string) => void;

/** Files of one setting that are named as not taken over; more are counted. */
const SHOWN_FAILURES = 4;

/** What is to be served; the rest is on the disk of `files`. A row for each setting. */
export function answerFiles(settings: Settings, source: AnswerSource, files: GuestFiles, say: Say): ServedFile[] {
  const served: ServedFile[] = [];
  const onDisk = (name: string, content: string): void => void files.add(name, content);
  for (const [setting, where] of [
    ['cd_files', 'a CD'],
    ['floppy_files', 'a floppy disk'],
    ['floppy_dirs', 'a floppy disk'],
  ] as const)
    take(setting, `on a USB disk with the label ${DISK_LABEL}, not on ${where}`, (one) =>
      source.list(one).map((name) => [name, () => onDisk(name, source.read(name))]),
    );
  take('http_directory', '', (one) =>
    source.list(one).map((name) => [name, () => serve(below(one, name), source.read(name))]),
  );
  for (const [setting, where] of [
    ['cd_content', 'a CD'],
    ['floppy_content', 'a floppy disk'],
  ] as const)
    takeContents(setting, `on a USB disk with the label ${DISK_LABEL}, not on ${where}`, onDisk);
  takeContents('http_content', '', serve);
  return served;

  function serve(name: string, content: string): void {
    const file = name.replace(/^\/+/, '');
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/.test(file) || file.length > 200)
      throw new NotPure('it is no plain path to serve');
    if (served.length >= MAX_ACTS) throw new NotPure(`it is after the first ${MAX_ACTS}`);
    files.count(content);
    served.push({ file, content, ...(content.includes('{{') && { literal: true as const }) });
  }

  function takeContents(setting: string, but: string, put: (name: string, content: string) => void): void {
    if (!settings.names.includes(setting)) return;
    try {
      const contents = Object.entries(settings.fields(setting));
      report(
        setting,
        but,
        contents.map(([name, content]) => [name, () => put(name, textOfValue(content))]),
        [],
      );
    } catch (error) {
      if (!(error instanceof NotPure)) throw error;
      say('refused', setting, error.message);
    }
  }

  function take(setting: string, but: string, work: (one: string) => (readonly [string, () => void])[]): void {
    if (!settings.names.includes(setting)) return;
    try {
      const failed: string[] = [];
      const all = settings.texts(setting).flatMap((one) => {
        try {
          return work(one);
        } catch (error) {
          if (!(error instanceof NotPure)) throw error;
          failed.push(error.message);
          return [];
        }
      });
      report(setting, but, all, failed);
    } catch (error) {
      if (!(error instanceof NotPure)) throw error;
      say('refused', setting, error.message);
    }
  }

  function report(
    setting: string,
    but: string,
    all: readonly (readonly [string, () => void])[],
    before: readonly string[],
  ): void {
    const failed = [...before];
    let taken = 0;
    for (const [name, put] of all) {
      try {
        put();
        taken += 1;
      } catch (error) {
        if (!(error instanceof NotPure)) throw error;
        failed.push(error.message.includes(name) ? error.message : `${name}: ${error.message}`);
      }
    }
    const more = failed.length > SHOWN_FAILURES ? [`and ${failed.length - SHOWN_FAILURES} more`] : [];
    const why = [...failed.slice(0, SHOWN_FAILURES), ...more].join('; ');
    if (taken === 0) say('refused', setting, why || 'it holds no file');
    else if (but === '' && why === '') say('imported', setting);
    else say('partly', setting, [but, why].filter((part) => part !== '').join('; '));
  }
}

/** Its path from the folder that is served. */
function below(folder: string, name: string): string {
  const prefix = folder.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
  return name.startsWith(`${prefix}/`) ? name.slice(prefix.length + 1) : name;
}
