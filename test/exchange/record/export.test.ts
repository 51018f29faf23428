/** What goes with an exported file: signed like a record, and never one. */
import assert from 'node:assert/strict';
import { canonicalJson } from '../../../src/crypto/canonical.ts';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { sha256 } from '../../../src/crypto/digest.ts';
import { decodeDsse, dsseToJson } from '../../../src/exchange/record/dsse.ts';
import {
  authorIdOf,
  ENVELOPE_MAX_BYTES,
  isRefusal,
  looksLikeExport,
  openExport,
  openRecordFile,
  RECORD_PAYLOAD_TYPE,
  recordToJson,
  signExport,
} from '../../../src/exchange/record/index.ts';
import { sealPayload } from '../../../src/exchange/record/sign.ts';
import { attestationOf } from './attested.ts';
import { at, feed, linkOf, NETWORK, newAuthor } from './author.ts';
import { Chain, seedOf } from './keys.ts';

const author = newAuthor();
const refused = (message: RegExp) => ({ code: 'export/refused', exitCode: 3, message });

function made(fields: Partial<Parameters<typeof signExport>[1]> = {}, seed = author.seed): string {
  return signExport(seed, {
    network: NETWORK,
    author: author.id,
    format: 'raw',
    file: 'disk.raw',
    sha256: sha256('a disk'),
    build: attestationOf(),
    ...fields,
  });
}

const open = (json: string) => openExport(Buffer.from(json), { network: NETWORK });

const payloadOf = (json: string): Buffer => Buffer.from(JSON.parse(json).payload, 'base64');

/** Really signed by the author, whatever it says. */
function signed(changes: Readonly<Record<string, unknown>>): string {
  const statement = { ...JSON.parse(payloadOf(made()).toString()), ...changes };
  const kept = Object.fromEntries(Object.entries(statement).filter(([, value]) => value !== undefined));
  const dsse = decodeDsse(
    sealPayload(author.seed, RECORD_PAYLOAD_TYPE, Buffer.from(canonicalJson(kept))),
    ENVELOPE_MAX_BYTES,
  );
  assert.ok(!isRefusal(dsse));
  return dsseToJson(dsse);
}

describe('the attestation of an export', () => {
  it('names author, format, file and build, and is the same for the same export', () => {
    const opened = open(made());
    assert.deepEqual(
      [opened.author, opened.format, opened.file, opened.meaning.manifest],
      [author.id, 'raw', { name: 'disk.raw', sha256: sha256('a disk') }, attestationOf().manifest],
    );
    assert.equal(made(), made());
  });

  it('is refused with one flipped bit, wherever in what is signed and in the signature', () => {
    const envelope = JSON.parse(made());
    const flipped = (text: string, byte: number): string => {
      const bytes = Buffer.from(text, 'base64');
      bytes.writeUInt8(bytes.readUInt8(byte) ^ 1, byte);
      return bytes.toString('base64');
    };
    // Coprime to eight and to what is written in columns; each costs a signature check.
    for (let byte = 0; byte < payloadOf(made()).length; byte += 13) {
      const json = JSON.stringify({ ...envelope, payload: flipped(envelope.payload, byte) });
      assert.throws(() => open(json), { code: 'export/refused', exitCode: 3 });
    }
    const [{ keyid, sig }] = envelope.signatures;
    for (let byte = 0; byte < 64; byte += 7) {
      const json = JSON.stringify({ ...envelope, signatures: [{ keyid, sig: flipped(sig, byte) }] });
      assert.throws(() => open(json), refused(/signature/));
    }
  });

  it('threat 10: is no record, and no record is one', () => {
    const record = recordToJson(at(feed(author, 1), 0));
    assert.ok(looksLikeExport(Buffer.from(made())));
    assert.ok(!looksLikeExport(Buffer.from(record)));
    assert.throws(() => open(record), refused(/does not say what was exported/));
    assert.throws(() => openRecordFile(Buffer.from(made()), { network: NETWORK }), { code: 'record/refused' });
    const both = signed({ portalgun_feed: linkOf(author, 1, null) });
    assert.ok(!looksLikeExport(Buffer.from(both)));
    assert.throws(() => open(both), refused(/it is a record/));
  });

  const about = { network: NETWORK, author: author.id, format: 'raw' };
  const [manifest, file] = JSON.parse(payloadOf(made()).toString()).subject;
  for (const [what, changes, message] of [
    ['another network', { portalgun_export: { ...about, network: 'other' } }, /of the network other/],
    ['a format from the future', { portalgun_export: { ...about, format: 'vmdk' } }, /format/],
    ['no author', { portalgun_export: { ...about, author: 'me' } }, /no network and author/],
    ['another author', { portalgun_export: { ...about, author: newAuthor().id } }, /keyid|signature/],
    ['another kind of statement', { predicateType: 'urn:portalgun:withdrawal:v1' }, /about no build/],
    ['a build that is not understood', { predicate: {} }, /predicate/],
    ['no file', { subject: [manifest] }, /one manifest and one file/],
    ['two files', { subject: [manifest, file, { ...file, name: 'other' }] }, /one manifest and one file/],
    ['no manifest', { subject: [file] }, /manifest/],
    ...['../disk', 'a/b', '..', 'zero\u200bwidth'].map(
      (name) => [`a file called ${JSON.stringify(name)}`, { subject: [manifest, { ...file, name }] }, /name/] as const,
    ),
  ] as const) {
    it(`is refused with ${what}, though the signature holds`, () => {
      assert.throws(() => open(signed(changes)), refused(message));
    });
  }

  it('is not made with a name that nobody would take', () => {
    for (const name of ['manifest', 'a/b', '..', '', 'bell\u0007'])
      assert.throws(() => made({ file: name }), { code: /export\/cannot-attest|record\/bad-draft/ });
  });

  it('is believed of the key that signs the feed now, and of none that was given up or revoked', () => {
    const chain = new Chain();
    const by = (seed: Uint8Array): string => made({ author: chain.author }, seed);
    const opened = (json: string) => openExport(Buffer.from(json), { network: NETWORK, keysOf: () => chain.keys });
    const old = by(seedOf(1));
    assert.equal(opened(old).author, chain.author);
    chain.rotate(2);
    assert.throws(() => opened(old), refused(/signs now/));
    assert.equal(opened(by(seedOf(2))).author, chain.author);
    assert.throws(() => openExport(Buffer.from(by(seedOf(2))), { network: NETWORK }), refused(/keyid/));
    assert.notEqual(authorIdOf(publicKeyOf(seedOf(2))), chain.author);
    chain.revoke();
    assert.throws(() => opened(by(seedOf(2))), refused(/revoked/));
  });
});
