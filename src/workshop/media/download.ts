/**
 * Files by HTTP into the cache. How many bytes may come is known before the first one is written; a file that broke off is
 * gone on with; the digests are made of the bytes as they pass. What comes out has been verified by nobody: it lies under a
 * name that says so, until whoever has verified it keeps it.
 */
import { mkdir, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, sha256 as digestOfText, type Digest } from '../../crypto/digest.ts';
import { PortalgunError, RefusedError, UnavailableError } from '../../errors.ts';
import { withoutRoom } from './atomic-file.ts';
import { GrowingFile, type FileDigests } from './growing-file.ts';
import { BROKE_OFF, httpGet, type Answer, type HttpOptions } from './http-get.ts';
import { DISK_RESERVE_BYTES, MAX_CONNECTIONS, ROOM_AT_ONCE_BYTES } from './limits.ts';
import { claimPartial, type PartialFile } from './partial-file.ts';
import type { OnProgress } from './types.ts';

/** `exact` where something signed, or the recipe, says how large the file is; otherwise a limit of ours. */
export type SizeBound = { readonly exact: number } | { readonly atMost: number };

export interface Wanted {
  readonly url: string;
  /** Names it to a person: "the medium iso". */
  readonly what: string;
  readonly size: SizeBound;
  /** What is known of its content: another content is another file to go on with. */
  readonly expected?: string | undefined;
}

export interface DownloadOptions extends HttpOptions {
  readonly cacheDir: string;
  readonly onProgress?: OnProgress | undefined;
}

/** A file that nobody has verified yet. Exactly one of `keep`, `release` and `discard` ends it. */
export interface Downloaded {
  readonly path: string;
  /** Lower-case hex. */
  readonly digests: FileDigests;
  readonly sizeBytes: number;
  /** Who served it. */
  readonly host: string;
  /** Whether a part of it came in an earlier run, perhaps of another file. */
  readonly resumed: boolean;
  /** Gives it the name of its digest, after verification. */
  keep(): Promise<string>;
  /** Leaves it to the next try: nothing is known against it. */
  release(): Promise<void>;
  discard(): Promise<void>;
}

export function downloadPath(cacheDir: string, sha256: Digest): string {
  return join(cacheDir, 'downloads', digestHex(sha256));
}

/** A small file, whole, in memory. Throws `media/served-too-much`, or as `httpGet` does. */
export async function downloadSmall(
  url: string,
  limitBytes: number,
  what: string,
  options: HttpOptions,
): Promise<Buffer> {
  const answer = await httpGet(url, 0, options);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    if (answer.length !== undefined && answer.length > limitBytes)
      throw servedTooMuch(what, answer.host, answer.length, limitBytes);
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > limitBytes) throw servedTooMuch(what, answer.host, size, limitBytes);
      chunks.push(chunk);
    }
  } finally {
    answer.close();
  }
  return Buffer.concat(chunks);
}

/**
 * Throws `media/served-other-size`, `media/served-too-much`, `media/disk-full`, or as `httpGet` does. What has come stays for
 * the next try, unless it is worth nothing or there is no room for it.
 */
export async function download(wanted: Wanted, options: DownloadOptions): Promise<Downloaded> {
  const key = digestHex(digestOfText(`${wanted.url}\n${JSON.stringify(wanted.size)}\n${wanted.expected ?? ''}`)).slice(
    0,
    32,
  );
  const partial = await claimPartial(options.cacheDir, key);
  try {
    return await fill(partial, wanted, options);
  } catch (error) {
    const clear = withoutRoom(error, options.cacheDir);
    const full = clear instanceof PortalgunError && clear.code === 'media/disk-full';
    if (full || clear instanceof RefusedError) await partial.remove();
    else await partial.release();
    throw clear;
  }
}

/**
 * A file whose SHA-256 was signed for. At most two downloads: one that went on with an earlier one may have mixed two files.
 * Throws `media/served-wrong`, or as `download` does.
 */
export async function downloadSigned(
  wanted: Wanted & { readonly expected: string },
  options: DownloadOptions,
): Promise<Downloaded> {
  for (;;) {
    const done = await download(wanted, options);
    if (done.digests.sha256 === wanted.expected) return done;
    await done.discard();
    if (!done.resumed) throw servedWrong(wanted.what, done, 'sha256', wanted.expected);
  }
}

export function servedWrong(
  what: string,
  { host, sizeBytes, digests }: Pick<Downloaded, 'host' | 'sizeBytes' | 'digests'>,
  algorithm: keyof FileDigests,
  expected: string,
): RefusedError {
  return new RefusedError(
    'media/served-wrong',
    `${host} serves another file for ${what} than was signed for: ${sizeBytes} bytes with ${algorithm.toUpperCase()} ${digests[algorithm]}, expected ${expected}.`,
    {
      hint: 'nothing of it was kept; use another mirror if it stays so',
      facts: { what, host, sizeBytes, algorithm, found: digests[algorithm], expected },
    },
  );
}

async function fill(partial: PartialFile, wanted: Wanted, options: DownloadOptions): Promise<Downloaded> {
  const limit = 'exact' in wanted.size ? wanted.size.exact : wanted.size.atMost;
  const writing = await GrowingFile.open(partial.path);
  let host = new URL(wanted.url).host;
  try {
    // More than there may be is of no use.
    if (partial.sizeBytes > limit) await writing.restart();
    else await writing.readBack(options.signal);
    const resumed = writing.size > 0;
    let complete = 'exact' in wanted.size && writing.size === wanted.size.exact;
    for (let connection = 0; !complete; connection++) {
      const answer = await httpGet(wanted.url, writing.size, options);
      ({ host } = answer);
      try {
        await begin(answer, writing, wanted, limit, options);
        complete = await receive(answer, writing, wanted, limit, options);
      } catch (error) {
        if (!(error instanceof PortalgunError) || error.code !== BROKE_OFF) throw error;
        if (connection + 1 >= MAX_CONNECTIONS) throw error;
      } finally {
        answer.close();
      }
    }
    await writing.sync();
    return finished(partial, writing, host, resumed, options);
  } finally {
    await writing.close();
  }
}

/** Sees to it that the file is where the body begins, and that the body may come at all. */
async function begin(
  answer: Answer,
  writing: GrowingFile,
  wanted: Wanted,
  limit: number,
  options: DownloadOptions,
): Promise<void> {
  const { status, range, length, host } = answer;
  if (status === 206 && range?.start !== writing.size) {
    throw new UnavailableError('media/not-served', `${host} sends another part of ${wanted.what} than was asked for.`);
  }
  // The whole file: the server does not know parts, or has nothing behind what is here.
  if (status === 200 && writing.size > 0) await writing.restart();
  const total = status === 200 ? length : range?.total;
  if (total !== undefined && 'exact' in wanted.size && total !== wanted.size.exact)
    throw servedOtherSize(wanted.what, host, total, wanted.size.exact);
  if (total !== undefined && total > limit) throw servedTooMuch(wanted.what, host, total, limit);
  const coming = (total ?? ('exact' in wanted.size ? wanted.size.exact : 0)) - writing.size;
  if (status !== 416 && coming > 0) await seeToRoom(coming, wanted.what, options);
}

async function seeToRoom(neededBytes: number, what: string, { cacheDir }: DownloadOptions): Promise<void> {
  const disk = await statfs(cacheDir);
  if (disk.bavail * disk.bsize >= neededBytes + DISK_RESERVE_BYTES) return;
  throw new UnavailableError(
    'media/disk-full',
    `There is no room for the ${neededBytes} bytes of ${what} that come next in ${cacheDir}.`,
    {
      hint: 'free some space, or set another folder for the media cache, and run the command again',
      facts: { path: cacheDir, neededBytes },
    },
  );
}

/** Whether the file is complete. */
async function receive(
  answer: Answer,
  writing: GrowingFile,
  wanted: Wanted,
  limit: number,
  options: DownloadOptions,
): Promise<boolean> {
  const { status, range, length, host } = answer;
  if (status === 416) {
    if (range?.total === writing.size) return true;
    await writing.restart();
    return false;
  }
  const total = (status === 200 ? length : range?.total) ?? ('exact' in wanted.size ? wanted.size.exact : 0);
  let roomUpTo = writing.size;
  for await (const chunk of answer.body) {
    if (writing.size + chunk.length > limit) throw servedTooMuch(wanted.what, host, writing.size + chunk.length, limit);
    // Of a file whose size nobody has said room was made for none of it.
    if (total === 0 && writing.size + chunk.length > roomUpTo) {
      const next = Math.max(chunk.length, ROOM_AT_ONCE_BYTES);
      await seeToRoom(next, wanted.what, options);
      roomUpTo = writing.size + next;
    }
    await writing.write(chunk);
    options.onProgress?.({ what: wanted.what, done: writing.size, total });
  }
  if ('exact' in wanted.size && writing.size < wanted.size.exact)
    throw servedOtherSize(wanted.what, host, writing.size, wanted.size.exact);
  return true;
}

function finished(
  partial: PartialFile,
  writing: GrowingFile,
  host: string,
  resumed: boolean,
  { cacheDir }: DownloadOptions,
): Downloaded {
  const digests = writing.digests();
  return {
    path: partial.path,
    digests,
    sizeBytes: writing.size,
    host,
    resumed,
    keep: async () => {
      const path = downloadPath(cacheDir, `sha256:${digests.sha256}`);
      await mkdir(join(cacheDir, 'downloads'), { recursive: true, mode: 0o700 });
      await rename(partial.path, path);
      return path;
    },
    release: () => partial.release(),
    discard: () => partial.remove(),
  };
}

function servedOtherSize(what: string, host: string, served: number, signed: number): RefusedError {
  return new RefusedError(
    'media/served-other-size',
    `${host} serves ${served} bytes for ${what}, but ${signed} were signed for.`,
    { hint: 'use another mirror if it stays so', facts: { what, host, servedBytes: served, signedBytes: signed } },
  );
}

function servedTooMuch(what: string, host: string, served: number, limit: number): RefusedError {
  return new RefusedError(
    'media/served-too-much',
    `${host} serves at least ${served} bytes for ${what}, at most ${limit} are taken.`,
    {
      hint: 'look whether the address in the recipe is right',
      facts: { what, host, servedBytes: served, limitBytes: limit },
    },
  );
}
