/** The identity at rest. */
import assert from 'node:assert/strict';
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { createIdentity, formatRecoveryKey, hasIdentity, loadIdentity } from '../../src/node/identity-files.ts';
import { openHome } from '../../src/node/home.ts';
import { cli, json } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

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
    assert.deepEqual([...loaded.seed], [...identity.seed]);
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
