/** The identity at rest. */
import assert from 'node:assert/strict';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import {
  createIdentity,
  formatRecoveryKey,
  hasIdentity,
  loadIdentity,
  writeIdentity,
  type Identity,
} from '../../src/node/identity-files.ts';
import { parseRecoveryKey } from '../../src/node/recovery-key.ts';
import { openHome } from '../../src/node/home.ts';
import { cli, json } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

async function seedOf({ keys: [key] }: Identity): Promise<string> {
  return Buffer.from((await key?.unlock()) ?? []).toString('hex');
}

describe('identity files', function () {
  this.timeout(60_000);
  let test: TestHome;
  let seedFile: string;
  beforeEach(async () => {
    test = await tempHome();
    await openHome(test.home);
    seedFile = path.join(test.home.identityDir, 'seed');
  });
  afterEach(() => test.remove());

  it('give back the identity that was made, and are for their owner alone', async () => {
    assert.equal(await hasIdentity(test.home), false);
    const { identity } = await createIdentity(test.home);
    assert.equal(await hasIdentity(test.home), true);
    const loaded = await loadIdentity(test.home);
    assert.equal(loaded.author, identity.author);
    assert.deepEqual(await seedOf(loaded), await seedOf(identity));
    assert.deepEqual([...loaded.recoveryPublicKey], [...identity.recoveryPublicKey]);
    for (const name of await readdir(test.home.identityDir)) {
      assert.equal((await stat(path.join(test.home.identityDir, name))).mode & 0o777, 0o600, name);
    }
  });

  it('are never made twice in one home', async () => {
    const { identity } = await createIdentity(test.home);
    await assert.rejects(createIdentity(test.home), { code: 'identity/exists', exitCode: 2 });
    assert.equal((await loadIdentity(test.home)).author, identity.author);
  });

  it('that are missing say how to make them', () =>
    assert.rejects(loadIdentity(test.home), { code: 'identity/missing', hint: /portalgun init/ }));

  for (const mode of [0o640, 0o604, 0o620]) {
    it(`with mode ${mode.toString(8)} are refused: somebody else could read or write the key`, async () => {
      await createIdentity(test.home);
      await chmod(seedFile, mode);
      await assert.rejects(loadIdentity(test.home), {
        code: 'identity/readable-by-others',
        exitCode: 3,
        hint: /chmod 600/,
      });
    });
  }

  for (const damage of ['', 'ab', `${'0'.repeat(63)}g`, '0'.repeat(66)]) {
    it(`that are damaged are said to be: ${JSON.stringify(damage.slice(0, 8))}, ${damage.length} characters`, async () => {
      await createIdentity(test.home);
      await writeFile(seedFile, damage);
      await assert.rejects(loadIdentity(test.home), { code: 'identity/damaged', message: /seed is damaged/ });
    });
  }

  it('without the recovery half are said to be damaged', async () => {
    await createIdentity(test.home);
    await rm(path.join(test.home.identityDir, 'recovery.pub'));
    await assert.rejects(loadIdentity(test.home), { code: 'identity/damaged', message: /recovery\.pub/ });
  });

  it('locked with a passphrase, open with it and with no other, and hold the seed in no readable form', async () => {
    const asked: boolean[] = [];
    const home = (passphrase: string) => ({
      ...test.home,
      passphrase: async (again = false) => {
        asked.push(again);
        return passphrase;
      },
    });
    await assert.rejects(createIdentity(test.home, 'short'), { code: 'identity/short-passphrase', exitCode: 2 });
    const { identity } = await createIdentity(home('correct horse é'), 'correct horse é');
    assert.deepEqual(asked, [], 'nobody is asked before the key is needed');
    const seed = await seedOf(identity);
    assert.equal(identity.author, `ed25519:${Buffer.from(publicKeyOf(Buffer.from(seed, 'hex'))).toString('hex')}`);
    const text = await readFile(seedFile, 'utf8');
    for (const form of [seed, Buffer.from(seed, 'hex').toString('base64')]) assert.ok(!text.includes(form));
    // The same letters as another keyboard writes them.
    assert.equal(await seedOf(await loadIdentity(home('correct horse e\u0301'))), seed);
    const wrong = await loadIdentity(home('incorrect horse'));
    await assert.rejects(seedOf(wrong), { code: 'identity/wrong-passphrase', exitCode: 3 });
    await assert.rejects(seedOf(await loadIdentity(test.home)), { code: 'identity/passphrase-needed', hint: /FILE/ });
  });

  it('that were locked and then changed do not open: not as another author’s, not with another cost', async () => {
    const home = { ...test.home, passphrase: async () => 'a passphrase' };
    await createIdentity(home, 'a passphrase');
    const document = JSON.parse(await readFile(seedFile, 'utf8'));
    const damage = async (change: (copy: typeof document) => void): Promise<Identity> => {
      const copy = structuredClone(document);
      change(copy);
      await writeFile(seedFile, JSON.stringify(copy));
      return loadIdentity(home);
    };
    const other = `ed25519:${'11'.repeat(32)}`;
    for (const change of [
      (copy: typeof document) => (copy.author = other),
      (copy: typeof document) => (copy.keys[0].key = other),
      (copy: typeof document) => (copy.keys[0].locked.N = 2 ** 14),
      (copy: typeof document) => (copy.keys[0].locked.box = Buffer.alloc(48).toString('base64')),
    ]) {
      await assert.rejects(seedOf(await damage(change)), { code: 'identity/wrong-passphrase' });
    }
    for (const change of [
      (copy: typeof document) => (copy.keys[0].locked.N = 2 ** 30),
      (copy: typeof document) => (copy.keys[0].locked.N = 3),
      (copy: typeof document) => (copy.keys[0].locked.kdf = 'md5'),
      (copy: typeof document) => (copy.keys[0].locked.nonce = ''),
      (copy: typeof document) => (copy.keys = []),
      (copy: typeof document) => (copy.keys = [{ key: other, seed: '22'.repeat(32) }]),
      (copy: typeof document) => delete copy.author,
    ]) {
      await assert.rejects(damage(change), { code: 'identity/damaged' });
    }
    await assert.rejects(
      damage((copy) => (copy.version = 3)),
      { code: 'identity/newer', hint: /Update/ },
    );
  });

  it('give back two keys while one replaces the other, and whose they are', async () => {
    const { identity } = await createIdentity(test.home);
    const { author, recoveryPublicKey } = identity;
    const first = Buffer.from(await seedOf(identity), 'hex');
    const second = Buffer.alloc(32, 7);
    await writeIdentity(test.home, { author, recoveryPublicKey, seeds: [first, second] });
    const loaded = await loadIdentity(test.home);
    assert.equal(loaded.author, author);
    assert.deepEqual(await Promise.all(loaded.keys.map(async (key) => Buffer.from(await key.unlock()))), [
      first,
      second,
    ]);
    await writeIdentity(test.home, { author, recoveryPublicKey, seeds: [second] });
    assert.equal((await loadIdentity(test.home)).author, author, 'the author stays who they were');
  });

  for (const text of ['', 'abc', `${'0'.repeat(71)}g`, '0'.repeat(72)]) {
    it(`a recovery key is read as it was written down, and not ${JSON.stringify(text.slice(0, 8))} of ${text.length}`, () => {
      const seed = Buffer.alloc(32, 5);
      const written = formatRecoveryKey(seed);
      for (const form of [
        written,
        written.toUpperCase(),
        ` ${written.replaceAll('-', ' ')}\n`,
        written.replaceAll('-', ''),
      ]) {
        assert.deepEqual(Buffer.from(parseRecoveryKey(form)), seed);
      }
      assert.throws(() => parseRecoveryKey(text), { code: 'identity/bad-recovery-key', exitCode: 2 });
      const slip = `${written[0] === '0' ? '1' : '0'}${written.slice(1)}`;
      assert.throws(() => parseRecoveryKey(slip), { message: /does not fit/ });
    });
  }

  it('never hold the recovery key, which is printed once: it is nowhere in the home, in no encoding', async () => {
    const fresh = await tempHome();
    try {
      const { recoveryKey } = await json(fresh, ['init']);
      const hex = recoveryKey.replaceAll('-', '').slice(0, 64);
      const seed = Buffer.from(hex, 'hex');
      assert.equal(seed.length, 32);
      assert.equal(formatRecoveryKey(seed), recoveryKey);
      const { recoveryPublicKey } = await loadIdentity(fresh.home);
      assert.deepEqual([...publicKeyOf(seed)], [...recoveryPublicKey]);
      const forms = [recoveryKey, hex, seed, seed.toString('base64'), seed.toString('base64url')].map((form) =>
        Buffer.from(form),
      );
      const second = await cli(fresh, ['init']);
      assert.equal(second.code, 2);
      const outputs = [second.stdout, second.stderr, (await cli(fresh, ['id'])).stdout];
      for (const output of outputs) assert.ok(!output.includes(hex.slice(0, 8)));
      let files = 0;
      for (const entry of await readdir(fresh.folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        files += 1;
        const content = await readFile(path.join(entry.parentPath, entry.name));
        for (const form of forms) assert.ok(!content.includes(form), entry.name);
      }
      assert.ok(files >= 5); // it has been looked for
    } finally {
      await fresh.remove();
    }
  });
});
