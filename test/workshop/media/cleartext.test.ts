import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { PortalgunError } from '../../../src/errors.ts';
import { verifyCleartext, type SignedText } from '../../../src/workshop/media/cleartext.ts';
import { loadKeyring } from '../../../src/workshop/media/keyring.ts';
import { needPrograms } from '../../support/skip.ts';
import { clearsign, day, fingerprint, gpgv, makeKey, NOW, revoke, writeKeys, type TestKey } from './test-archive.ts';

const TEXT = 'Origin: Portalgun Test\n- a line with a dash\nSHA256:\n 00 1 x\n';

describe('cleartext signatures', () => {
  let directory: string;
  let key: TestKey;
  let other: TestKey;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pg-cleartext-'));
    key = await makeKey('good');
    other = await makeKey('other');
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const verify = async (file: string, keys: readonly TestKey[], now = NOW): Promise<SignedText> => {
    const keysDir = await mkdtemp(join(directory, 'keys-'));
    await writeKeys(keysDir, keys);
    return verifyCleartext(Buffer.from(file), await loadKeyring(keysDir), now, 'InRelease of test');
  };
  const refusal = async (file: string, keys: readonly TestKey[], now = NOW): Promise<PortalgunError> => {
    const error: unknown = await verify(file, keys, now).then(
      () => assert.fail('it was accepted'),
      (thrown: unknown) => thrown,
    );
    assert(error instanceof PortalgunError, String(error));
    assert.equal(error.exitCode, 3);
    return error;
  };

  it('gives back exactly what was signed, by whom and when', async () => {
    const signed = await verify(await clearsign(TEXT, [key], day(-1)), [other, key]);
    assert.equal(signed.text, TEXT);
    assert.deepEqual(
      signed.signers.map((signer) => [signer.key.fingerprint, signer.signedAt]),
      [[fingerprint(key), day(-1)]],
    );
    assert.deepEqual(signed.warnings, []);
  });

  it('takes one good signature among some by keys that it does not know', async () => {
    const signed = await verify(await clearsign(TEXT, [other, key], day(-1)), [key]);
    assert.deepEqual(
      signed.signers.map((signer) => signer.key.fingerprint),
      [fingerprint(key)],
    );
  });

  it('refuses a text in which one bit was changed', async () => {
    const file = (await clearsign(TEXT, [key], day(-1))).replace(' 00 1 x', ' 01 1 x');
    assert.equal((await refusal(file, [key])).code, 'media/bad-signature');
  });

  it('refuses a false signature by a known key even beside a good one', async () => {
    const good = await clearsign(TEXT, [key], day(-1));
    const elsewhere = await clearsign('other text\n', [other], day(-1));
    const packets = async (file: string) => {
      const message = await openpgp.readCleartextMessage({ cleartextMessage: file });
      const { signatures } = await openpgp.verify({ message, verificationKeys: [key.public, other.public], date: NOW });
      return (await Promise.all(signatures.map(async (one) => (await one.signature).packets))).flat();
    };
    const list = new openpgp.PacketList<openpgp.SignaturePacket>();
    list.push(...(await packets(good)), ...(await packets(elsewhere)));
    const both = good.slice(0, good.indexOf('-----BEGIN PGP SIGNATURE')) + new openpgp.Signature(list).armor();
    assert.equal((await refusal(both, [key, other])).code, 'media/bad-signature');
    // Without the second key its signature means nothing, and the first one still holds.
    assert.equal((await verify(both, [key])).signers.length, 1);
  });

  it('refuses a signature by a key that is not in keys/, and names the key', async () => {
    const error = await refusal(await clearsign(TEXT, [other], day(-1)), [key]);
    assert.equal(error.code, 'media/unknown-key');
    assert.match(error.message, new RegExp(other.public.getKeyID().toHex().toUpperCase()));
  });

  it('refuses a revoked key, with the dates', async () => {
    const revoked = await revoke(await makeKey('revoked'), day(-10));
    for (const signedAt of [day(-20), day(-1)]) {
      const error = await refusal(await clearsign(TEXT, [revoked], signedAt), [revoked]);
      assert.equal(error.code, 'media/revoked-key');
      assert.match(error.message, new RegExp(day(-10).toISOString().slice(0, 10)));
      assert.match(error.message, new RegExp(signedAt.toISOString().slice(0, 10)));
    }
  });

  it('accepts another good key beside a revoked one, and warns', async () => {
    const revoked = await revoke(await makeKey('revoked'), day(-10));
    const signed = await verify(await clearsign(TEXT, [revoked, key], day(-20)), [revoked, key]);
    assert.deepEqual(
      signed.signers.map((signer) => signer.key.fingerprint),
      [fingerprint(key)],
    );
    assert.match(signed.warnings.join(), /revoked on/);
  });

  it('refuses a key that had expired before it signed, with the dates', async () => {
    const long = await makeKey('lapsed');
    const lapsed = await expireAt(long, -10);
    const error = await refusal(await clearsign(TEXT, [long], day(-5)), [lapsed]);
    assert.equal(error.code, 'media/expired-key');
    assert.match(error.message, new RegExp(day(-10).toISOString().slice(0, 10)));
    assert.match(error.message, new RegExp(day(-5).toISOString().slice(0, 10)));
  });

  it('accepts what a key signed before it expired, and warns with the date', async () => {
    const lapsed = await makeKey('lapsed', -10);
    const signed = await verify(await clearsign(TEXT, [lapsed], day(-20)), [lapsed]);
    assert.equal(signed.text, TEXT);
    assert.match(signed.warnings.join(), new RegExp(`has expired since, on ${day(-10).toISOString().slice(0, 10)}`));
  });

  it('refuses a signature from the future', async () => {
    const file = await clearsign(TEXT, [key], day(3));
    assert.equal((await refusal(file, [key])).code, 'media/signed-in-future');
    assert.equal((await verify(file, [key], day(4))).text, TEXT);
  });

  const smuggled: Record<string, (file: string) => string> = {
    'before the signed part': (file) => `SHA256:\n 666 1 evil\n\n${file}`,
    'in one line before it': (file) => `SHA256: 666\n\n${file}`,
    'after the signature': (file) => `${file}SHA256:\n 666 1 evil\n`,
    'as a header that readers may take for text': (file) =>
      file.replace('Hash: SHA512\n', 'Hash: SHA512\nSHA256: 666 1 evil\n'),
    'as a second signed part': (file) => `${file}${file}`,
    'in a header line of white space': (file) => file.replace(/\n\n/, '\n \nSHA256: 666\n\n'),
    'between text and signature': (file) =>
      file.replace('-----BEGIN PGP SIGNATURE', 'SHA256: 666\n-----BEGIN PGP SIGNATURE'),
  };
  for (const [where, smuggle] of Object.entries(smuggled)) {
    it(`threat 33: refuses text that nobody signed: ${where}`, async () => {
      const file = await clearsign(TEXT, [key], day(-1));
      const changed = smuggle(file);
      assert.notEqual(changed, file);
      assert.match((await refusal(changed, [key])).code, /^media\/(?:signed-text-malformed|bad-signature)$/);
    });
  }

  it('refuses a file without any signature', async () => {
    assert.equal((await refusal(TEXT, [key])).code, 'media/signed-text-malformed');
  });

  it('refuses a signature of a kind that OpenPGP does not have', async () => {
    const file = await clearsign(TEXT, [key], day(-1));
    const start = file.indexOf('-----BEGIN PGP SIGNATURE');
    const signature = await openpgp.readSignature({ armoredSignature: file.slice(start) });
    const [packet] = signature.packets;
    assert.ok(packet?.signatureData);
    packet.signatureData[1] = 0x16; // the octet behind the version (RFC 9580, section 5.2.3)
    assert.equal((await refusal(file.slice(0, start) + signature.armor(), [key])).code, 'media/signed-text-malformed');
  });

  it('refuses more signatures than it reads', async () => {
    const file = await clearsign(
      TEXT,
      Array.from({ length: 17 }, () => key),
      day(-1),
    );
    assert.equal((await refusal(file, [key])).code, 'media/signed-text-malformed');
    assert.equal(
      (
        await verify(
          await clearsign(
            TEXT,
            Array.from({ length: 16 }, () => key),
            day(-1),
          ),
          [key],
        )
      ).signers.length,
      16,
    );
  });

  it('comes to the verdict of gpgv on the same files', async function () {
    needPrograms(this, 'gpgv');
    const revoked = await revoke(await makeKey('revoked'), day(-10));
    const long = await makeKey('lapsed');
    const lapsed = await expireAt(long, -10);
    const good = await clearsign(TEXT, [key], day(-1));
    const cases: { file: string; keys: TestKey[]; ours: string; theirs: string[] }[] = [
      { file: good, keys: [key], ours: 'good', theirs: ['GOODSIG'] },
      {
        file: await clearsign(TEXT, [key, other], day(-1)),
        keys: [key, other],
        ours: 'good',
        theirs: ['GOODSIG', 'GOODSIG'],
      },
      { file: good.replace(' 00 1 x', ' 01 1 x'), keys: [key], ours: 'media/bad-signature', theirs: ['BADSIG'] },
      { file: await clearsign(TEXT, [other], day(-1)), keys: [key], ours: 'media/unknown-key', theirs: ['ERRSIG'] },
      // gpgv does not tell these two apart: it leaves the dates to whoever asks.
      { file: await clearsign(TEXT, [lapsed], day(-20)), keys: [lapsed], ours: 'good', theirs: ['EXPKEYSIG'] },
      {
        file: await clearsign(TEXT, [long], day(-5)),
        keys: [lapsed],
        ours: 'media/expired-key',
        theirs: ['EXPKEYSIG'],
      },
      {
        file: await clearsign(TEXT, [revoked], day(-1)),
        keys: [revoked],
        ours: 'media/revoked-key',
        theirs: ['REVKEYSIG'],
      },
      { file: TEXT, keys: [key], ours: 'media/signed-text-malformed', theirs: [] },
    ];
    for (const { file, keys, ours, theirs } of cases) {
      const verdict = await verify(file, keys).then(
        () => 'good',
        (error: unknown) => (error instanceof PortalgunError ? error.code : String(error)),
      );
      assert.deepEqual([verdict, await gpgv(file, keys)], [ours, theirs]);
    }
  });
});

/** The same key with a self-signature that ends it `offset` days from NOW. */
async function expireAt(key: TestKey, offset: number): Promise<TestKey> {
  const created = day(-730);
  const { publicKey } = await openpgp.reformatKey({
    privateKey: key.private,
    userIDs: [{ name: 'lapsed', email: 'test@example.org' }],
    date: created,
    keyExpirationTime: (day(offset).getTime() - created.getTime()) / 1000,
    format: 'object',
  });
  return { ...key, public: publicKey };
}
