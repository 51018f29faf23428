/**
 * A medium by its address: first what was signed about it (url-claim.ts), then the file, and only then the two are compared.
 * Nothing is written before it is known how large the file may be; nothing is handed out before it is what was signed for.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Digest } from '../../crypto/digest.ts';
import { InterruptedError, RefusedError } from '../../errors.ts';
import type { LockedFile, UrlFile } from '../../recipe/types.ts';
import { digestMismatch } from './digest-file.ts';
import { findDownload, noteDownload } from './download-notes.ts';
import { download, servedWrong, type Downloaded, type DownloadOptions, type SizeBound } from './download.ts';
import type { FileDigests } from './growing-file.ts';
import { MAX_MEDIUM_BYTES } from './limits.ts';
import { verifyFile, type MediaSigner } from './media-signature.ts';
import { detachedSignature } from './signed-list.ts';
import type { MediaProof, OnProgress, VerifiedFile } from './types.ts';
import { checkLocked, claimOf, fits, hostsOf, signedBytes, type Claim, type ClaimOptions } from './url-claim.ts';
import { verifiedFile } from './verified.ts';

export interface UrlFileOptions extends Omit<ClaimOptions, 'hosts'> {
  readonly onProgress?: OnProgress | undefined;
}

export interface UrlMedium {
  readonly file: VerifiedFile;
  /** Absent where only the recipe's own digest vouches. */
  readonly locked: LockedFile | undefined;
  readonly warnings: readonly string[];
}

/**
 * Throws `media/not-in-checksums`, `media/locked-file-gone`, `media/served-wrong`, `media/size-differs`, `media/digest-mismatch`
 * (of a file in the cache), or as the verifiers and downloads do.
 */
export async function urlFile(medium: string, wanted: UrlFile, given: UrlFileOptions): Promise<UrlMedium> {
  const what = `the medium ${medium}`;
  const options = { ...given, hosts: hostsOf(wanted) };
  const claim = await claimOf(what, wanted, options);
  checkLocked(claim, options.locked, what);
  const cached = await findDownload(options.cacheDir, {
    ...claim.digests,
    ...(options.locked && { sha256: options.locked.sha256 }),
    url: wanted.url,
  });
  const found =
    (cached === undefined ? undefined : await checkCached(cached, what, wanted, claim, options)) ??
    (await fetchFile(what, wanted, claim, options));
  // A list may have no SHA-256: then only the file shows whether it is the locked one.
  checkLocked({ ...claim, digests: found.digests }, options.locked, what);
  const signer = found.signer ?? claim.signer;
  await found.claim.overFile?.keep();
  await noteDownload(options.cacheDir, {
    ...found.digests,
    url: wanted.url,
    name: claim.name,
    sizeBytes: found.sizeBytes,
  });
  const file = verifiedFile({
    path: found.path,
    sha256: `sha256:${found.digests.sha256}`,
    sizeBytes: found.sizeBytes,
    proof: proofOf(found.claim, signer, options.clock()),
  });
  const locked = signer && {
    file: claim.name,
    sha256: found.digests.sha256,
    sizeBytes: found.sizeBytes,
    signedBy: signer.fingerprint,
  };
  return { file, locked, warnings: signer?.warnings ?? [] };
}

interface Found {
  readonly path: string;
  readonly digests: FileDigests;
  readonly sizeBytes: number;
  readonly signer: MediaSigner | undefined;
  /** What holds of it: the signature may be a newer one than was here. */
  readonly claim: Claim;
}

/** Undefined where what is in the cache is another file than is wanted now. Throws `media/digest-mismatch` where it was changed. */
async function checkCached(
  path: string,
  what: string,
  wanted: UrlFile,
  claim: Claim,
  options: UrlFileOptions & ClaimOptions,
): Promise<Found | undefined> {
  const { size } = await stat(path);
  let read: Pick<Found, 'digests' | 'signer'>;
  try {
    read = await readWhole(path, size, what, claim, options);
  } catch (error) {
    if (!(error instanceof RefusedError) || !claim.overFile) throw error;
    // A verifier may have stopped before the end: what the file is has to be read once more.
    const { digests } = await readWhole(path, size, what, { ...claim, overFile: undefined }, options);
    const known = options.locked?.sha256 ?? claim.digests.sha256;
    if (digests.sha256 !== known || !fits(digests, size, claim)) return undefined;
    // It is the very file that is wanted, and would come again: only another signature could help.
    if (!claim.overFile.kept || wanted.signature === undefined) throw error;
    const { by } = claim.overFile;
    const newer = await detachedSignature(wanted.signature, `the signature of ${what}`, options, false);
    return checkCached(path, what, wanted, { ...claim, ...signedBytes(newer, by) }, options);
  }
  const named: Digest = `sha256:${basename(path)}`;
  const found: Digest = `sha256:${read.digests.sha256}`;
  if (named !== found) throw digestMismatch(what, path, named, found);
  return fits(read.digests, size, claim) ? { ...read, path, sizeBytes: size, claim } : undefined;
}

/** In one pass: the digests are those of the bytes that the signature was compared with. */
async function readWhole(
  path: string,
  size: number,
  what: string,
  { overFile }: Claim,
  { onProgress, signal, clock }: UrlFileOptions,
): Promise<Pick<Found, 'digests' | 'signer'>> {
  const [sha256, sha512] = [createHash('sha256'), createHash('sha512')];
  let done = 0;
  let unread: unknown;
  async function* content(): AsyncGenerator<Uint8Array> {
    const stream = createReadStream(path, { highWaterMark: 1024 * 1024, ...(signal && { signal }) });
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        sha256.update(chunk);
        sha512.update(chunk);
        done += chunk.length;
        onProgress?.({ what: `checking ${what}`, done, total: size });
        yield chunk;
      }
    } catch (error) {
      unread = signal?.aborted === true ? new InterruptedError(undefined, { cause: error }) : error;
      throw unread;
    }
  }
  let signer: MediaSigner | undefined;
  try {
    if (overFile) signer = await verifyFile(content(), overFile.bytes, overFile.by, clock(), what);
    else for await (const chunk of content()) void chunk;
  } catch (error) {
    // Of a file that was not read to its end a verifier says that the signature does not hold.
    throw unread ?? error;
  }
  return { digests: { sha256: sha256.digest('hex'), sha512: sha512.digest('hex') }, signer };
}

/** At most two downloads: one that went on with an earlier one may have mixed two files. */
async function fetchFile(
  what: string,
  { url }: UrlFile,
  claim: Claim,
  options: DownloadOptions & UrlFileOptions,
): Promise<Found> {
  const exact = claim.sizeBytes ?? options.locked?.sizeBytes;
  const size: SizeBound = exact === undefined ? { atMost: MAX_MEDIUM_BYTES } : { exact };
  const wanted = { url, what, size, expected: claim.digests.sha256 ?? claim.digests.sha512 };
  for (;;) {
    const done = await download(wanted, options);
    try {
      let signer: MediaSigner | undefined;
      if (claim.overFile) ({ signer } = await readWhole(done.path, done.sizeBytes, what, claim, options));
      if (!fits(done.digests, done.sizeBytes, claim)) throw wrongFile(what, done, claim);
      return { digests: done.digests, sizeBytes: done.sizeBytes, signer, claim, path: await done.keep() };
    } catch (error) {
      if (!(error instanceof RefusedError)) {
        await done.release();
        throw error;
      }
      await done.discard();
      if (!done.resumed) throw error;
    }
  }
}

function wrongFile(what: string, done: Downloaded, { digests }: Claim): RefusedError {
  const algorithm = digests.sha256 === undefined || digests.sha256 === done.digests.sha256 ? 'sha512' : 'sha256';
  return servedWrong(what, done, algorithm, digests[algorithm] ?? '');
}

function proofOf(claim: Claim, signer: MediaSigner | undefined, now: Date): MediaProof {
  const verifiedAt = now.toISOString();
  if (!signer) return { scheme: 'digest', verifiedAt };
  return {
    scheme: signer.kind,
    fingerprint: signer.fingerprint,
    file: claim.name,
    verifiedAt,
    ...(signer.signedAt && { signedAt: signer.signedAt.toISOString() }),
    ...(claim.list && { list: claim.list }),
    ...(claim.signature && { signature: claim.signature }),
  };
}
