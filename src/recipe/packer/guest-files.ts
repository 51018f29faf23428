/**
 * The disk that brings a guest what a template's scripts, answers and files say: inline, so that they are part of the
 * recipe's digest, and within the limits of a recipe. Pure.
 */
import { MAX_INLINE_FILE_BYTES } from '../limits.ts';
import { markersIn } from './marked.ts';
import { NotPure } from './not-pure.ts';

/** What a recipe has room for besides its steps, UTF-8 bytes of all files; and how many there may be. */
export const MAX_GUEST_BYTES = 32 * 1024;
const MAX_GUEST_FILES = 32;

/** Where the guest's steps mount it. */
export const MOUNTED = '/run/portalgun';
/** What the disk is called (workshop/media/package-disk.ts). */
export const DISK_LABEL = 'PORTALGUN';

export class GuestFiles {
  readonly #files = new Map<string, string>();
  #bytes = 0;

  /** The name that the file has on the disk. Throws `NotPure` where it does not fit. */
  add(wanted: string, content: string): string {
    const bytes = checkedBytes(content);
    const base =
      wanted
        .split('/')
        .at(-1)
        ?.replaceAll(/[^A-Za-z0-9._-]/g, '-')
        .replace(/^[^A-Za-z0-9]+/, '')
        .slice(0, 48) || 'file';
    let name = base;
    for (let count = 2; this.#files.has(name) && this.#files.get(name) !== content; count += 1)
      name = `${count}-${base}`;
    if (this.#files.has(name)) return name;
    if (this.#files.size >= MAX_GUEST_FILES) throw new NotPure(`it is after the first ${MAX_GUEST_FILES} files`);
    this.#spend(bytes);
    this.#files.set(name, content);
    return name;
  }

  /** Room for a file that is brought in another way, and is part of the recipe too. Throws `NotPure`. */
  count(content: string): void {
    this.#spend(checkedBytes(content));
  }

  #spend(bytes: number): void {
    if (this.#bytes + bytes > MAX_GUEST_BYTES)
      throw new NotPure(`all files together are more than a recipe holds (${MAX_GUEST_BYTES} bytes)`);
    this.#bytes += bytes;
  }

  get all(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#files);
  }
}

/** UTF-8 bytes of what a recipe can hold as a text. */
function checkedBytes(content: string): number {
  const [marker] = markersIn(content);
  if (marker !== undefined)
    throw new NotPure(`it holds ${marker.name}, and files take no parameters: give --var ${marker.name}=VALUE`);
  if (/[^\P{Cc}\n\r\t]/u.test(content)) throw new NotPure('it is no text');
  if (content !== content.normalize('NFC')) throw new NotPure('its text is not in the normal form C of Unicode');
  const bytes = new TextEncoder().encode(content).length;
  if (bytes > MAX_INLINE_FILE_BYTES)
    throw new NotPure(`it has ${bytes} bytes; a file in a recipe has ${MAX_INLINE_FILE_BYTES} at most`);
  return bytes;
}
