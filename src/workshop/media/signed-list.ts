/**
 * Signed lists of checksums: fetched, verified, and kept in the cache together with their signatures. What is in the cache is
 * verified at every use, like all else. An older list than one that was accepted before is refused, where signatures have dates.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, sha256, type Digest } from '../../crypto/digest.ts';
import { decodeBase64, encodeBase64 } from '../../crypto/base64.ts';
import { PortalgunError, RefusedError, UnavailableError } from '../../errors.ts';
import type { ChecksumList } from '../../recipe/types.ts';
import { unlessMissing, writeAtomically } from './atomic-file.ts';
import { downloadSmall } from './download.ts';
import { keepEvidence } from './evidence.ts';
import { datesIn } from './high-water.ts';
import type { HttpOptions } from './http-get.ts';
import { MAX_CHECKSUMS_BYTES, MAX_SIGNATURE_BYTES } from './limits.ts';
import { verifyList, type MediaSigner, type SigningKeys } from './media-signature.ts';

export interface SignedListOptions extends HttpOptions {
  readonly cacheDir: string;
  readonly clock: () => Date;
}

export interface SignedList extends MediaSigner {
  readonly text: string;
  /** SHA-256 of the list and of its detached signature: both are kept under `releases/`. */
  readonly list: Digest;
  readonly signature: Digest | undefined;
}

interface Files {
  readonly list: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

/**
 * `enough`: whether a list that is here already will do, because a lock names what is in it; otherwise it is asked for anew,
 * and the one that is here serves only where that is not to be had (with a warning).
 *
 * Throws `media/checksums-rollback`, or as `httpGet` and `verifyList` do.
 */
export async function signedList(
  { url, signature }: ChecksumList,
  by: SigningKeys,
  options: SignedListOptions,
  enough: (text: string) => boolean,
): Promise<SignedList> {
  const what = `The list ${url.slice(url.lastIndexOf('/') + 1)} of ${new URL(url).host}`;
  const cached = await readCached(url, signature, options);
  const known = cached && (await verified(cached, by, options.clock(), what).catch(unlessRefused));
  if (known && enough(known.text)) return known;
  let files: Files;
  try {
    files = {
      list: await downloadSmall(url, MAX_CHECKSUMS_BYTES, what, options),
      signature:
        signature === undefined
          ? undefined
          : await downloadSmall(signature, MAX_SIGNATURE_BYTES, `the signature of ${what}`, options),
    };
  } catch (error) {
    if (!(error instanceof UnavailableError) || !known) throw error;
    return { ...known, warnings: [...known.warnings, `${what} could not be renewed: ${error.message}`] };
  }
  const fresh = await verified(files, by, options.clock(), what);
  await refuseOlder(fresh, url, what, options.cacheDir);
  await keepEvidence(options.cacheDir, files.list, 'checksums');
  if (files.signature) await keepEvidence(options.cacheDir, files.signature, 'signature');
  await writeCached(files, cachePath(url, signature, options));
  return fresh;
}

export interface FetchedSignature {
  readonly bytes: Uint8Array;
  /** It was here, and was not asked for anew. */
  readonly kept: boolean;
  /** For the next time, and as evidence: call it when the signature has been found to hold. */
  keep(): Promise<void>;
}

/**
 * A detached signature over a medium itself. `enough`: whether the one that is here will do; otherwise it is asked for anew, and
 * the one that is here serves only where that is not to be had.
 */
export async function detachedSignature(
  url: string,
  what: string,
  options: SignedListOptions,
  enough: boolean,
): Promise<FetchedSignature> {
  const found = (bytes: Uint8Array, kept = false): FetchedSignature => ({
    bytes,
    kept,
    async keep() {
      await keepEvidence(options.cacheDir, bytes, 'signature');
      await writeCached({ list: bytes, signature: undefined }, cachePath(url, undefined, options));
    },
  });
  const cached = await readCached(url, undefined, options);
  if (cached && enough) return found(cached.list, true);
  try {
    return found(await downloadSmall(url, MAX_SIGNATURE_BYTES, what, options));
  } catch (error) {
    if (!(error instanceof UnavailableError) || !cached) throw error;
    return found(cached.list);
  }
}

async function verified(files: Files, by: SigningKeys, now: Date, what: string): Promise<SignedList> {
  const found = await verifyList(files.list, files.signature, by, now, what);
  return { ...found, list: sha256(files.list), signature: files.signature && sha256(files.signature) };
}

async function refuseOlder({ signedAt }: MediaSigner, url: string, what: string, cacheDir: string): Promise<void> {
  if (!signedAt) return;
  const marks = datesIn(join(cacheDir, 'marks', `list-${digestHex(sha256(url)).slice(0, 32)}`));
  const newest = await marks.newest();
  if (newest && signedAt.getTime() < newest.getTime()) {
    throw new RefusedError(
      'media/checksums-rollback',
      `${what} was signed on ${signedAt.toISOString()}; one signed on ${newest.toISOString()} was accepted here before.`,
      {
        hint: 'somebody may be holding updates back: try another mirror if it stays so',
        facts: { what, url, signedAt: signedAt.toISOString(), newestAccepted: newest.toISOString() },
      },
    );
  }
  await marks.raise(signedAt);
}

async function writeCached({ list, signature }: Files, path: string): Promise<void> {
  const text = JSON.stringify({ list: encodeBase64(list), ...(signature && { signature: encodeBase64(signature) }) });
  await writeAtomically(path, (temporary) => writeFile(temporary, text));
}

/** List and signature in one file, so that they are always of one another. */
function cachePath(url: string, signature: string | undefined, { cacheDir }: SignedListOptions): string {
  return join(cacheDir, 'lists', `${digestHex(sha256(`${url}\n${signature ?? ''}`))}.json`);
}

async function readCached(
  url: string,
  signature: string | undefined,
  options: SignedListOptions,
): Promise<Files | undefined> {
  const text = await readFile(cachePath(url, signature, options), 'utf8').catch(unlessMissing);
  if (text === undefined) return undefined;
  try {
    const parsed: { list: string; signature?: string } = JSON.parse(text);
    return {
      list: decodeBase64(parsed.list),
      signature: parsed.signature === undefined ? undefined : decodeBase64(parsed.signature),
    };
  } catch {
    // Whatever it is, it is not what was written there: as good as nothing.
    return undefined;
  }
}

/** What is in the cache and does not hold is fetched anew. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof PortalgunError) return undefined;
  throw error;
}
