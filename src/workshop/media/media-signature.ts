/** Signed lists of checksums and signed files, whichever tool has signed them. Which one it was follows from the key. */
import { RefusedError, UnavailableError, UsageError } from '../../errors.ts';
import { verifyCleartext } from './cleartext.ts';
import { verifyDetached } from './detached.ts';
import type { Keyring, MediaKey } from './keyring.ts';
import { verifyMinisign } from './minisign.ts';
import type { OpenPgpKey } from './openpgp-judge.ts';
import { verifySignify, type NumberedKey } from './signify.ts';

export interface MediaSigner {
  readonly kind: MediaKey['kind'];
  readonly fingerprint: string;
  /** Where the signature says it: signify's does not. */
  readonly signedAt: Date | undefined;
  readonly warnings: readonly string[];
}

/** All of one kind, at least one. */
export type SigningKeys =
  | { readonly kind: 'openpgp'; readonly keys: readonly OpenPgpKey[] }
  | { readonly kind: 'signify'; readonly keys: readonly NumberedKey[] }
  | { readonly kind: 'minisign'; readonly keys: readonly NumberedKey[] };

/** Keys whose signatures may be over a file that is too large to be held in memory. */
export type FileKeys = Exclude<SigningKeys, { readonly kind: 'signify' }>;

/** The keys that `signed_by` stands for. Throws `media/key-missing` or `media/keyring-mismatch`. */
export function signingKeys(keyring: Keyring, signedBy: string, what: string): SigningKeys {
  const keys = keyring.media.filter(({ name, fingerprint }) => name === signedBy || fingerprint === signedBy);
  const numbered = keys.filter((key) => key.kind !== 'openpgp');
  const openpgp = keys.filter((key) => key.kind === 'openpgp');
  const [first] = numbered;
  if (!first && openpgp.length > 0) return { kind: 'openpgp', keys: openpgp };
  if (first && openpgp.length === 0 && numbered.every(({ kind }) => kind === first.kind))
    return { kind: first.kind, keys: numbered };
  if (keys.length > 0)
    throw new RefusedError('media/keyring-mismatch', `The keys called ${signedBy} are of several kinds.`);
  throw new UnavailableError(
    'media/key-missing',
    `${what} must be signed by ${signedBy}, and there is no such key here.`,
    {
      hint: `if you have that key and trust it: portalgun media key add FILE --name ${signedBy}`,
      facts: { signedBy, known: [...new Set(keyring.media.map(({ name }) => name))] },
    },
  );
}

/** For a signature over a file itself. Throws `media/signify-file`: before the file is asked for, not after it has come. */
export function fileKeys(by: SigningKeys, what: string): FileKeys {
  if (by.kind !== 'signify') return by;
  throw new UsageError(
    'media/signify-file',
    `${what} cannot be verified by a signify signature over the file itself.`,
    { hint: 'signify signs lists: name the list in the recipe (checksums: { url: …/SHA256.sig })' },
  );
}

/**
 * The text that was signed, and nothing else. `signature` undefined: the list carries its own. Throws as the verifiers do, or
 * `media/checksums-malformed`.
 */
export async function verifyList(
  list: Uint8Array,
  signature: Uint8Array | undefined,
  by: SigningKeys,
  now: Date,
  what: string,
): Promise<MediaSigner & { readonly text: string }> {
  if (by.kind === 'openpgp' && signature === undefined) {
    const { text, signers, warnings } = await verifyCleartext(list, by, now, what);
    return { kind: 'openpgp', text, warnings, ...openPgpSigner(signers) };
  }
  if (by.kind === 'signify') {
    const { signed, key } = verifySignify(signature && list, signature ?? list, by.keys, what);
    return {
      kind: 'signify',
      text: textOf(signed, what),
      fingerprint: key.fingerprint,
      signedAt: undefined,
      warnings: [],
    };
  }
  if (signature === undefined) {
    throw new UsageError(
      'media/no-signature',
      `${what} carries no signature of its own: minisign's stands in another file.`,
      {
        hint: 'add its address to the recipe: checksums: { url: …, signature: ….minisig }',
      },
    );
  }
  return { ...(await verifyFile(list, signature, by, now, what)), text: textOf(list, what) };
}

/** A detached signature over a file itself, which is read once. Throws as the verifiers do. */
export async function verifyFile(
  content: AsyncIterable<Uint8Array> | Uint8Array,
  signature: Uint8Array,
  by: FileKeys,
  now: Date,
  what: string,
): Promise<MediaSigner> {
  if (by.kind === 'openpgp') {
    const { signers, warnings } = await verifyDetached(content, signature, by.keys, now, what);
    return { kind: 'openpgp', warnings, ...openPgpSigner(signers) };
  }
  const { key, signedAt } = await verifyMinisign(content, signature, by.keys, what);
  return { kind: 'minisign', fingerprint: key.fingerprint, signedAt, warnings: [] };
}

function openPgpSigner(
  signers: readonly { readonly key: OpenPgpKey; readonly signedAt: Date }[],
): Pick<MediaSigner, 'fingerprint' | 'signedAt'> {
  const [first] = signers;
  if (!first) throw new TypeError('a good judgement has a signer');
  return { fingerprint: first.key.fingerprint, signedAt: first.signedAt };
}

/** Of exactly the bytes that were signed. */
function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new RefusedError('media/checksums-malformed', `${what} cannot be used: it is not UTF-8 text.`, {
      facts: { what },
      cause,
    });
  }
}
