/** Looks for a secret in every byte that a run has left or told: as it is, encoded, in pieces, packed or in the store. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { Level } from 'level';

/** A piece of it this long is found too. It has no words in it, so that nothing else does. */
const PIECE = 6;
/** Read whole, and so searched for pieces and packed contents; what is larger is searched for the whole secret. */
const WHOLE_FILE_BYTES = 16 * 1024 * 1024;
const BLOCK_BYTES = 4 * 1024 * 1024;

/** Every way in which the whole secret may be written. */
export function writingsOf(secret: string): readonly Buffer[] {
  const plain = Buffer.from(secret);
  // In base64 it looks different at each of three places; its ends depend on what stands beside it.
  const base64 = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), plain]).toString('base64');
    return text.slice(before === 0 ? 0 : before + 1).replace(/.?=*$/, '');
  });
  const texts = [secret, plain.toString('hex'), ...base64, JSON.stringify(secret).slice(1, -1)];
  return [...new Set(texts)].map((text) => Buffer.from(text)).concat(Buffer.from(secret, 'utf16le'));
}

function piecesOf(secret: string): readonly Buffer[] {
  return Array.from({ length: secret.length - PIECE + 1 }, (_, at) => Buffer.from(secret.slice(at, at + PIECE)));
}

/** What of the secret is in the bytes, or undefined. */
export function traceIn(bytes: Buffer, secret: string): string | undefined {
  return [...writingsOf(secret), ...piecesOf(secret)].find((one) => bytes.includes(one))?.toString();
}

export interface Searched {
  /** Files below the folder, and entries of its stores, that were searched. */
  readonly places: readonly string[];
  /** Those that hold something of it. */
  readonly found: readonly string[];
}

/** `except` are the places, seen from the folder, that may hold it. */
export async function searchFolder(
  folder: string,
  secret: string,
  except: (place: string) => boolean = () => false,
): Promise<Searched> {
  const places: string[] = [];
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const place = path.relative(folder, file);
    if (except(place)) continue;
    if (traceIn(Buffer.from(place), secret) !== undefined) found.push(place);
    if (entry.isDirectory() && (await readdir(file)).includes('CURRENT')) {
      const held = await searchStore(file, secret);
      places.push(...held.places.map((key) => `${place}: ${key}`));
      found.push(...held.found.map((key) => `${place}: ${key}`));
    }
    if (!entry.isFile()) continue;
    places.push(place);
    if (await fileHolds(file, secret)) found.push(place);
  }
  return { places, found };
}

/** The blocks of a LevelDB are packed: what is in it is read as it is meant, in a copy, for to open it changes it. */
async function searchStore(original: string, secret: string): Promise<Searched> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pg-store-'));
  try {
    await cp(original, folder, { recursive: true });
    return await searchOpened(folder, secret);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function searchOpened(folder: string, secret: string): Promise<Searched> {
  const level = new Level<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
  });
  const places: string[] = [];
  const found: string[] = [];
  try {
    for await (const [key, value] of level.iterator()) {
      const name = key.toString('latin1');
      places.push(name);
      if (traceIn(key, secret) !== undefined || traceIn(value, secret) !== undefined) found.push(name);
    }
  } finally {
    await level.close();
  }
  return { places, found };
}

async function fileHolds(file: string, secret: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size <= WHOLE_FILE_BYTES)
      return contentsOf(await readFile(file)).some((one) => traceIn(one, secret) !== undefined);
    const writings = writingsOf(secret);
    const overlap = Math.max(...writings.map((one) => one.length));
    const block = Buffer.alloc(BLOCK_BYTES);
    for (let at = 0; at < size; at += BLOCK_BYTES - overlap) {
      const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, at);
      if (writings.some((one) => block.subarray(0, bytesRead).includes(one))) return true;
    }
    return false;
  } finally {
    await handle.close();
  }
}

/** The bytes themselves and what they unpack to: zstd, gzip, the pixels of a PNG. */
function contentsOf(bytes: Buffer): readonly Buffer[] {
  const magic = bytes.subarray(0, 4).toString('hex');
  if (magic === '28b52ffd') return [bytes, zstdDecompressSync(bytes)];
  if (magic.startsWith('1f8b')) return [bytes, gunzipSync(bytes)];
  if (magic === '89504e47') return [bytes, inflateSync(pngData(bytes))];
  return [bytes];
}

function pngData(bytes: Buffer): Buffer {
  const data: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(bytes.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return Buffer.concat(data);
}

/** Fails where a text that was told holds something of it. */
export function assertUntold(what: string, told: string, secret: string): void {
  assert.equal(traceIn(Buffer.from(told), secret), undefined, `${what} tells of the secret`);
}
