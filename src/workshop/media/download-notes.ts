/**
 * What the files under `downloads/` are called, beside each of them. A note finds a file and shows it to a person; it vouches
 * for nothing, and a wrong one costs a download.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listDirectory, unlessMissing, writeAtomically } from './atomic-file.ts';
import { downloadPath } from './download.ts';

export interface DownloadNote {
  readonly url: string;
  readonly name: string;
  readonly sha256: string;
  readonly sha512: string;
  readonly sizeBytes: number;
}

export async function noteDownload(cacheDir: string, note: DownloadNote): Promise<void> {
  const path = `${downloadPath(cacheDir, `sha256:${note.sha256}`)}.json`;
  const text = `${JSON.stringify(note)}\n`;
  if ((await readFile(path, 'utf8').catch(unlessMissing)) === text) return;
  await writeAtomically(path, (temporary) => writeFile(temporary, text));
}

/** All that can be read, sorted by name. */
export async function downloadNotes(cacheDir: string): Promise<DownloadNote[]> {
  const folder = join(cacheDir, 'downloads');
  const notes: DownloadNote[] = [];
  for (const name of await listDirectory(folder)) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
    const note = noteIn((await readFile(join(folder, name), 'utf8').catch(unlessMissing)) ?? '');
    if (note && `${note.sha256}.json` === name && (await isThere(cacheDir, note.sha256))) notes.push(note);
  }
  return notes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The file of these digests; where none is known, the one that came from `url` last. */
export async function findDownload(
  cacheDir: string,
  { sha256, sha512, url }: { readonly sha256?: string; readonly sha512?: string; readonly url: string },
): Promise<string | undefined> {
  const found =
    sha256 ??
    (await downloadNotes(cacheDir)).find((note) => (sha512 === undefined ? note.url === url : note.sha512 === sha512))
      ?.sha256;
  return found !== undefined && (await isThere(cacheDir, found))
    ? downloadPath(cacheDir, `sha256:${found}`)
    : undefined;
}

export async function isThere(cacheDir: string, sha256: string): Promise<boolean> {
  return (await stat(downloadPath(cacheDir, `sha256:${sha256}`)).catch(unlessMissing)) !== undefined;
}

function noteIn(text: string): DownloadNote | undefined {
  try {
    const note: Partial<Record<keyof DownloadNote, unknown>> = JSON.parse(text);
    const { url, name, sha256, sha512, sizeBytes } = note;
    const texts = [url, name, sha256, sha512];
    if (!texts.every((one) => typeof one === 'string') || typeof sizeBytes !== 'number') return undefined;
    return { url: String(url), name: String(name), sha256: String(sha256), sha512: String(sha512), sizeBytes };
  } catch {
    // Cut short, or of another version: the file is fetched again.
    return undefined;
  }
}
