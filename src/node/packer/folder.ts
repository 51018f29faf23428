/**
 * The folder of a Packer template, read once and within limits. Nothing outside of it is read: no symbolic link is
 * followed, no path leads out of it, and what is asked for later is answered from what was read.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../../errors.ts';
import {
  MAX_FOLDER_BYTES,
  MAX_FOLDER_DEPTH,
  MAX_FOLDER_ENTRIES,
  MAX_PATH,
  MAX_TEMPLATE_BYTES,
} from '../../recipe/packer/limits.ts';
import { NotPure } from '../../recipe/packer/not-pure.ts';

export interface PackerFolder {
  readonly root: string;
  /** Names of the files in the folder itself. */
  readonly top: readonly string[];
  /** Throws `NotPure` where there is no such text in the folder, and says why. */
  readonly read: (file: string) => string;
  /** Files below a folder, or that a `*` in the last part stands for; a file is itself. Throws `NotPure`. */
  readonly list: (folder: string) => readonly string[];
}

/** The text, or why there is none. */
type Entry = { readonly text: string } | { readonly why: string };

/** What builds leave behind, and what no template is made of. */
const PASSED_OVER = /^(\..*|node_modules|packer_cache|output-.*)$/;

/** Throws `packer/unreadable` and `packer/too-many-files`. */
export async function readPackerFolder(folder: string, signal: AbortSignal): Promise<PackerFolder> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw new UsageError('packer/unreadable', `cannot read ${folder}`, { cause });
  });
  const entries = new Map<string, Entry>();
  let [seen, bytes] = [0, 0];

  async function walk(inside: string, depth: number): Promise<void> {
    signal.throwIfAborted();
    const here = path.join(root, inside);
    const found = await readdir(here, { withFileTypes: true }).catch((cause: unknown) => {
      throw new UsageError('packer/unreadable', `cannot read ${here}`, { cause });
    });
    for (const entry of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (PASSED_OVER.test(entry.name)) continue;
      seen += 1;
      if (seen > MAX_FOLDER_ENTRIES) {
        throw new UsageError('packer/too-many-files', `${folder} has more than ${MAX_FOLDER_ENTRIES} files`, {
          hint: 'Name the folder that the template lies in, or a copy of it with what it needs.',
        });
      }
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isSymbolicLink()) entries.set(name, { why: 'is a symbolic link: what it leads to is not read' });
      else if (entry.isDirectory()) {
        if (depth >= MAX_FOLDER_DEPTH) entries.set(name, { why: `is deeper than ${MAX_FOLDER_DEPTH} folders` });
        else await walk(name, depth + 1);
      } else if (entry.isFile()) {
        const read = await readBounded(path.join(root, name), MAX_FOLDER_BYTES - bytes);
        if ('text' in read) bytes += Buffer.byteLength(read.text);
        entries.set(name, read);
      } else entries.set(name, { why: 'is no file' });
    }
  }
  await walk('', 0);

  function read(file: string): string {
    const name = inside(file);
    const entry = entries.get(name);
    if (entry !== undefined && 'text' in entry) return entry.text;
    throw entry === undefined ? missing(file, name) : new NotPure(`${shown(file)} ${entry.why}`);
  }

  /** It may lie behind a link that was not followed. */
  function missing(file: string, name: string): NotPure {
    for (const parent of parents(name)) {
      const entry = entries.get(parent);
      if (entry !== undefined && 'why' in entry) return new NotPure(`${shown(parent)} ${entry.why}`);
    }
    return new NotPure(`${shown(file)} is not in the folder`);
  }

  return {
    root,
    top: [...entries].flatMap(([name, entry]) => ('text' in entry && !name.includes('/') ? [name] : [])),
    read,
    list(asked) {
      const name = inside(asked);
      if (entries.has(name)) return [name];
      const [folderPart, last] = [name.slice(0, name.lastIndexOf('/') + 1), name.slice(name.lastIndexOf('/') + 1)];
      const below = [...entries.keys()].filter((one) =>
        last.includes('*')
          ? one.startsWith(folderPart) && matches(one.slice(folderPart.length), last)
          : name === '' || one.startsWith(`${name}/`),
      );
      if (below.length === 0) throw missing(asked, name);
      return below;
    },
  };
}

/** The path from the folder. */
function inside(asked: string): string {
  if (asked.length > MAX_PATH || asked.includes('\0') || asked.includes('\\'))
    throw new NotPure(`${shown(asked)} is no path here`);
  if (path.posix.isAbsolute(asked))
    throw new NotPure(`${shown(asked)} is not below the folder: nothing outside of it is read`);
  const name = path.posix.normalize(asked).replace(/\/+$/, '');
  if (name === '..' || name.startsWith('../'))
    throw new NotPure(`${shown(asked)} leads out of the folder: nothing outside of it is read`);
  return name === '.' ? '' : name;
}

function parents(name: string): string[] {
  const parts = name.split('/');
  return parts.map((_, index) => parts.slice(0, index).join('/')).filter((one) => one !== '');
}

/** One `*` or several, within one part. Written out, so that no pattern of a template's becomes a regular expression. */
function matches(name: string, pattern: string): boolean {
  if (name.includes('/')) return false;
  const [first = '', ...rest] = pattern.split('*');
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const [index, part] of rest.entries()) {
    const next = index === rest.length - 1 ? Math.max(at, name.length - part.length) : name.indexOf(part, at);
    if (next < at || !name.startsWith(part, next)) return false;
    at = next + part.length;
  }
  return at === name.length;
}

/** A regular file of at most so many bytes, itself and not what a link leads to. */
export async function readBounded(file: string, left = MAX_TEMPLATE_BYTES): Promise<Entry> {
  const most = Math.min(left, MAX_TEMPLATE_BYTES);
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (handle === undefined) return { why: 'cannot be read' };
  try {
    const found = await handle.stat();
    if (!found.isFile()) return { why: 'is no file' };
    if (found.size > most) return { why: `has ${found.size} bytes, more than are read (${most})` };
    const buffer = Buffer.alloc(most + 1);
    const { bytesRead } = await handle.read(buffer, 0, most + 1, 0);
    if (bytesRead > most) return { why: `has more bytes than are read (${most})` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead)) };
  } catch (error) {
    if (error instanceof TypeError) return { why: 'is no UTF-8 text' };
    throw error;
  } finally {
    await handle.close();
  }
}

export async function isFolder(place: string): Promise<boolean> {
  try {
    return (await lstat(await realpath(place))).isDirectory();
  } catch (cause) {
    throw new UsageError('packer/unreadable', `cannot read ${place}`, { cause });
  }
}

function shown(file: string): string {
  return JSON.stringify(file.length > 60 ? `${file.slice(0, 60)}…` : file);
}
