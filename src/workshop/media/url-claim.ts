/**
 * What must hold of a medium by its address, and by whose word: a signed list, a signature over the file itself, the recipe, or
 * a lock. Nothing of the file has been fetched yet.
 */
import { sha256 as digestOfBytes, type Digest } from '../../crypto/digest.ts';
import { RefusedError, UnavailableError } from '../../errors.ts';
import type { LockedFile, UrlFile } from '../../recipe/types.ts';
import { signedFile, type SignedFile } from './checksums.ts';
import type { FileDigests } from './growing-file.ts';
import type { Keyring } from './keyring.ts';
import { fileKeys, signingKeys, type FileKeys, type MediaSigner } from './media-signature.ts';
import { detachedSignature, signedList, type FetchedSignature, type SignedListOptions } from './signed-list.ts';

export interface ClaimOptions extends SignedListOptions {
  readonly keyring: Keyring;
  readonly locked?: LockedFile | undefined;
}

export interface Claim {
  readonly name: string;
  readonly digests: Readonly<Partial<FileDigests>>;
  readonly sizeBytes: number | undefined;
  readonly signer: MediaSigner | undefined;
  /** Kept under `releases/`. */
  readonly list?: Digest | undefined;
  readonly signature?: Digest | undefined;
  /** A signature over the file itself: it can be judged only when the file is there. */
  readonly overFile?: (FetchedSignature & { readonly by: FileKeys }) | undefined;
}

/** Of every address that the recipe states for this medium, and those that it lists. */
export function hostsOf({ url, checksums, signature, hosts = [] }: UrlFile): ReadonlySet<string> {
  const addresses = [url, signature, checksums?.url, checksums?.signature].filter((one) => one !== undefined);
  return new Set([...addresses.map((address) => new URL(address).host), ...hosts]);
}

/**
 * Throws `media/not-in-checksums`, `media/size-differs` or `media/digest-mismatch` (where recipe and list disagree), or as the
 * verifiers and downloads do.
 */
export async function claimOf(what: string, wanted: UrlFile, options: ClaimOptions): Promise<Claim> {
  return withOwnDigest(await signedClaim(what, wanted, options), wanted, what);
}

async function signedClaim(what: string, wanted: UrlFile, options: ClaimOptions): Promise<Claim> {
  const { url, checksums, signature, signed_by: signedBy } = wanted;
  const name = url.slice(url.lastIndexOf('/') + 1);
  if (signedBy === undefined) return { name, digests: {}, sizeBytes: undefined, signer: undefined };
  const by = signingKeys(options.keyring, signedBy, what);
  if (checksums) {
    const listed = checksums.name ?? name;
    const entryIn = (text: string): SignedFile => signedFile(text, listed, `the list of ${what}`);
    const { locked } = options;
    const found = await signedList(
      checksums,
      by,
      options,
      (text) => locked !== undefined && lists(entryIn, text, locked),
    );
    const { digests, sizeBytes } = entryIn(found.text);
    return { name: listed, digests, sizeBytes, signer: found, list: found.list, signature: found.signature };
  }
  if (signature === undefined) throw new TypeError('a checked recipe says where the signature is');
  const keys = fileKeys(by, what);
  const found = await detachedSignature(signature, `the signature of ${what}`, options, options.locked !== undefined);
  return { name, digests: {}, sizeBytes: undefined, signer: undefined, ...signedBytes(found, keys) };
}

/** A signature over the file itself, as part of a claim. */
export function signedBytes(found: FetchedSignature, by: FileKeys): Pick<Claim, 'signature' | 'overFile'> {
  return { signature: digestOfBytes(found.bytes), overFile: { ...found, by } };
}

/** Whether a list that is here names what the lock names. One that lists no SHA-256 is judged by the file itself. */
function lists(entryIn: (text: string) => SignedFile, text: string, locked: LockedFile): boolean {
  try {
    return (entryIn(text).digests.sha256 ?? locked.sha256) === locked.sha256;
  } catch {
    return false;
  }
}

/** The recipe may say what the file is: then that must hold too. */
function withOwnDigest(claim: Claim, { sha256, size }: UrlFile, what: string): Claim {
  const signed = claim.digests.sha256;
  if (sha256 !== undefined && signed !== undefined && signed !== sha256)
    throw otherThanSigned('media/digest-mismatch', what, `SHA-256 ${sha256}`, signed);
  if (size !== undefined && claim.sizeBytes !== undefined && size !== claim.sizeBytes)
    throw otherThanSigned('media/size-differs', what, `${size} bytes`, String(claim.sizeBytes));
  const sizeBytes = claim.sizeBytes ?? size;
  return { ...claim, sizeBytes, digests: { ...claim.digests, ...(sha256 !== undefined && { sha256 }) } };
}

function otherThanSigned(code: string, what: string, stated: string, signed: string): RefusedError {
  return new RefusedError(code, `The recipe says that ${what} has ${stated}, the signed list says ${signed}.`, {
    hint: 'look at the url, sha256 and size of the recipe: is it the file that they are of?',
    facts: { what, stated, signed },
  });
}

/** Throws `media/locked-file-gone`. */
export function checkLocked({ name, digests }: Claim, locked: LockedFile | undefined, what: string): void {
  if (!locked || (locked.sha256 === (digests.sha256 ?? locked.sha256) && locked.file === name)) return;
  throw new UnavailableError(
    'media/locked-file-gone',
    `The lock names ${locked.file} with SHA-256 ${locked.sha256} for ${what}; what is signed now is ${name} with ${digests.sha256}.`,
    { hint: 'run `portalgun recipe lock --update` to move to it', facts: { what, locked: locked.sha256 } },
  );
}

/** Whether a file is what is claimed, by every digest that somebody signed, or the recipe or a lock names. */
export function fits(digests: FileDigests, sizeBytes: number, claim: Claim): boolean {
  const { sha256 = digests.sha256, sha512 = digests.sha512 } = claim.digests;
  return sha256 === digests.sha256 && sha512 === digests.sha512 && (claim.sizeBytes ?? sizeBytes) === sizeBytes;
}
