/** Signatures of media, by whichever tool, and the lists that they are on. What is signed is never other than it was. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readKey } from 'openpgp';
import { publicKeyOf, sign } from '../../src/crypto/ed25519.ts';
import { signedFile } from '../../src/workshop/media/checksums.ts';
import { verifyDetached } from '../../src/workshop/media/detached.ts';
import { verifyMinisign } from '../../src/workshop/media/minisign.ts';
import { readNumberedKey, verifySignify } from '../../src/workshop/media/signify.ts';
import { orRefusal, text, type Target } from './target.ts';

const SEED = new Uint8Array(32).fill(7);

/** A list of checksums as OpenBSD signs it, by a key of that form. */
const LIST = `SHA256 (d.iso) = ${'a'.repeat(64)}\n`;
const MEDIA_KEY = {
  kind: 'signify',
  owner: 'fuzz',
  ...readNumberedKey(text(`untrusted comment: fuzz\n${numbered(publicKeyOf(SEED))}\n`)),
} as const;
const SIGNED_LIST = text(`untrusted comment: fuzz\n${numbered(sign(SEED, text(LIST)))}\n${LIST}`);

function numbered(value: Uint8Array): string {
  return Buffer.concat([Buffer.from('Ed'), Buffer.alloc(8, 1), value]).toString('base64');
}

/** What is signed, and the signature before it with its length: both are changed. */
function behind(signature: Uint8Array, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([signature.length >> 8, signature.length & 255]), signature, content]);
}

function apart(bytes: Uint8Array): { readonly signature: Uint8Array; readonly content: Uint8Array } {
  const size = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
  return { signature: bytes.subarray(2, 2 + size), content: bytes.subarray(2 + size) };
}

const SIGNED = text('The file that was signed.\n');

/** A signature file of minisign, over the content or its digest. */
function minisigned(content: Uint8Array, algorithm: 'Ed' | 'ED'): Uint8Array {
  const message = algorithm === 'ED' ? createHash('blake2b512').update(content).digest() : content;
  const signature = sign(SEED, message);
  const comment = 'timestamp:1795000000\tfile:x';
  const globally = sign(SEED, Buffer.concat([signature, Buffer.from(comment)]));
  const line = Buffer.concat([Buffer.from(algorithm), Buffer.alloc(8, 1), signature]).toString('base64');
  const last = Buffer.from(globally).toString('base64');
  return text(`untrusted comment: x\n${line}\ntrusted comment: ${comment}\n${last}\n`);
}

/** Made by GnuPG with `--faked-system-time`; the secret key is gone. */
const OPENPGP_KEY =
  'mDMEaVW5ABYJKwYBBAHaRw8BAQdAMmxI6K/iWVssG4Hu6l9MBq3pu391QcuahJe+FLyhyt60BGZ1enqIkAQTFggAOBYhBM3Sghs7CTGekcQ32lpsgBtp' +
  'KhP/BQJpVbkAAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEFpsgBtpKhP/Gd0BANRRebTMkiyVWOdFpHZZ7zblv6m/Bia7+3VjEtXZmwc0AQDH' +
  'i2nPrsLx3g2+h/rTl1h1oGnrTzdFqs6FLhhfLI4ACw==';
const OPENPGP_SIGNATURE =
  'iHUEABYIAB0WIQTN0oIbOwkxnpHEN9pabIAbaSoT/wUCaX6XgAAKCRBabIAbaSoT/yVSAPwJgomJ+c1+kXl5zmFKO5fDFIJJjryVF5g8v4SyuowPFQD/' +
  'aFWg0O6jkSmuDzTTQ5iWnSKjB/QjhLSZphiUKb9paQU=';
const ARMORED = `-----BEGIN PGP SIGNATURE-----\n\n${OPENPGP_SIGNATURE}\n=VPqe\n-----END PGP SIGNATURE-----\n`;
const NOW = new Date('2026-11-27T00:00:00Z');

async function openPgpKey() {
  const key = await readKey({ binaryKey: Buffer.from(OPENPGP_KEY, 'base64') });
  return { fingerprint: key.getFingerprint().toUpperCase(), owner: 'fuzz', key };
}

export const MEDIA_TARGETS: readonly Target[] = [
  {
    name: 'signify',
    group: 'signatures',
    seeds: [SIGNED_LIST],
    words: ['untrusted comment: ', '\n', 'RW', '=', '\r\n'],
    run(bytes) {
      return orRefusal(() => {
        const { signed } = verifySignify(undefined, bytes, [MEDIA_KEY], 'the list');
        assert.equal(Buffer.from(signed).toString('utf8'), LIST, 'a signature was forged');
      });
    },
  },
  {
    name: 'minisign',
    group: 'signatures',
    seeds: [behind(minisigned(SIGNED, 'ED'), SIGNED), behind(minisigned(SIGNED, 'Ed'), SIGNED)],
    words: ['untrusted comment: ', 'trusted comment: ', '\n', 'RUQ', 'RWQ', '=', '\r\n', 'timestamp:', '\t'],
    run(bytes) {
      const { signature, content } = apart(bytes);
      return orRefusal(async () => {
        const verdict = await verifyMinisign(content, signature, [{ ...MEDIA_KEY, kind: 'minisign' }], 'the file');
        assert.ok(Buffer.from(content).equals(SIGNED), 'a signature was forged');
        assert.equal(verdict.trustedComment, 'timestamp:1795000000\tfile:x', 'a comment was forged');
      });
    },
  },
  {
    name: 'openpgp-detached',
    group: 'signatures',
    seeds: [behind(Buffer.from(OPENPGP_SIGNATURE, 'base64'), SIGNED), behind(text(ARMORED), SIGNED)],
    words: [
      '-----BEGIN PGP SIGNATURE-----',
      '-----END PGP SIGNATURE-----',
      '\n',
      '=',
      'Version: x\n',
      '\x88\x75',
      '\r\n',
    ],
    run(bytes) {
      const { signature, content } = apart(bytes);
      return orRefusal(async () => {
        await verifyDetached(content, signature, [await openPgpKey()], NOW, 'the file');
        assert.ok(Buffer.from(content).equals(SIGNED), 'a signature was forged');
      });
    },
  },
  {
    name: 'checksums',
    group: 'signatures',
    seeds: [text(LIST), text(`${'b'.repeat(64)} *./d.iso\n${'c'.repeat(128)}  d.iso\n`)],
    words: ['SHA256 (', ') = ', 'd.iso', '# d.iso: 5 bytes', '../', '\\', '\0', '\r', ' *', '  ', 'a'.repeat(64)],
    run(bytes) {
      return orRefusal(() => {
        const { digests } = signedFile(Buffer.from(bytes).toString('utf8'), 'd.iso', 'the list');
        for (const digest of Object.values(digests)) assert.ok(Buffer.from(bytes).includes(digest));
      });
    },
  },
];
