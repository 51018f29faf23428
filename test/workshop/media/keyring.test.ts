import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadKeyring } from '../../../src/workshop/media/keyring.ts';
import { makeKey, writeKeys } from './test-archive.ts';

const KEYS = fileURLToPath(new URL('../../../keys', import.meta.url));

describe('the keyring', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pg-keys-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('of keys/ says of each key what the key says of itself', async () => {
    const manifest: { keys: { file: string; owner: string; valid: { from: string; until: string } }[] } = parse(
      await readFile(join(KEYS, 'manifest.yaml'), 'utf8'),
    );
    const { keys } = await loadKeyring(KEYS);
    assert.equal(keys.length, 9);
    for (const { file, key, owner } of keys) {
      const entry = manifest.keys.find((one) => one.file === file);
      const until = await key.getExpirationTime();
      assert(until instanceof Date);
      assert.deepEqual(
        entry?.valid,
        { from: key.getCreationTime().toISOString().slice(0, 10), until: until.toISOString().slice(0, 10) },
        file,
      );
      assert.deepEqual(key.getUserIDs(), [owner]);
      assert.equal(await key.isRevoked(), false);
    }
  });

  it('refuses a key file with another key than the manifest says', async () => {
    const [one, two] = [await makeKey('one'), await makeKey('two')];
    await writeKeys(directory, [one, two]);
    await loadKeyring(directory);
    await copyFile(join(directory, 'key-1.asc'), join(directory, 'key-0.asc'));
    await assert.rejects(loadKeyring(directory), {
      code: 'media/keyring-mismatch',
      exitCode: 3,
      message: /key-0\.asc holds the key/,
    });
  });

  it('refuses a second key in a file', async () => {
    const [one, two] = [await makeKey('one'), await makeKey('two')];
    await writeKeys(directory, [one]);
    const { armor, enums } = await import('openpgp');
    const both = armor(enums.armor.publicKey, Buffer.concat([one.public.write(), two.public.write()]));
    await writeFile(join(directory, 'key-0.asc'), both);
    await assert.rejects(loadKeyring(directory), { code: 'media/keyring-mismatch', message: /2 keys instead of one/ });
  });

  it('refuses a private key', async () => {
    const one = await makeKey('one');
    await writeKeys(directory, [one]);
    await writeFile(join(directory, 'key-0.asc'), one.private.armor());
    await assert.rejects(loadKeyring(directory), { code: 'media/keyring-mismatch', message: /private key/ });
  });

  it('never looks at a key file that the manifest does not list', async () => {
    await writeKeys(directory, [await makeKey('one')]);
    await writeFile(join(directory, 'other.asc'), (await makeKey('other')).public.armor());
    assert.equal((await loadKeyring(directory)).keys.length, 1);
  });

  for (const [what, text] of Object.entries({
    'of another version': 'manifest: 2\nkeys: []\n',
    'without keys': 'manifest: 1\n',
    'that leads out of the folder': 'manifest: 1\nkeys: [{ file: ../key.asc, fingerprint: x, owner: y, origin: z }]\n',
    'that is not YAML': 'manifest: [1\n',
    'with a short fingerprint':
      'manifest: 1\nkeys: [{ file: key.asc, fingerprint: B7C5D7D6350947F8, owner: y, origin: z }]\n',
  })) {
    it(`refuses a manifest ${what}`, async () => {
      await writeFile(join(directory, 'manifest.yaml'), text);
      await assert.rejects(loadKeyring(directory), { code: 'media/keyring-mismatch' });
    });
  }

  it('says when there is no manifest at all', async () => {
    await assert.rejects(loadKeyring(directory), { code: 'media/keyring-missing', exitCode: 5 });
  });
});
