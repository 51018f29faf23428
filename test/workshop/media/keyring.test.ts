import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadKeyring } from '../../../src/workshop/media/keyring.ts';
import { makeKey, writeKeys } from './test-archive.ts';

const KEYS = fileURLToPath(new URL('../../../keys', import.meta.url));

interface ManifestLine {
  readonly file: string;
  readonly valid: { readonly from: string; readonly until?: string };
  readonly checked: readonly string[];
  readonly since: string;
}

async function manifestOf(directory: string): Promise<readonly ManifestLine[]> {
  const manifest: { keys: readonly ManifestLine[] } = parse(await readFile(join(directory, 'manifest.yaml'), 'utf8'));
  return manifest.keys;
}

describe('the keyring', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pg-keys-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('of keys/ says of each key what the key says of itself', async () => {
    const { keys, media } = await loadKeyring(KEYS);
    assert.deepEqual([keys.length, media.length], [9, 5]);
    for (const one of [...keys, ...media]) {
      if ('number' in one) continue;
      const entry = (await manifestOf(KEYS)).find(({ file }) => file === one.file);
      const until = await one.key.getExpirationTime();
      assert.deepEqual(
        entry?.valid,
        {
          from: one.key.getCreationTime().toISOString().slice(0, 10),
          ...(until instanceof Date && { until: until.toISOString().slice(0, 10) }),
        },
        one.file,
      );
      assert.deepEqual(one.key.getUserIDs(), [one.owner]);
      assert.equal(await one.key.isRevoked(), false);
    }
  });

  it('of keys/ says of each key where it was compared, and since when it is here', async () => {
    for (const { file, checked, since } of await manifestOf(KEYS)) {
      assert(checked.length > 0, file);
      assert.match(since, /^20\d\d-\d\d-\d\d$/, file);
    }
  });

  it('of keys/ has OpenBSD’s keys as Debian ships them', async () => {
    const { media } = await loadKeyring(KEYS);
    const openbsd = media.filter(({ kind }) => kind === 'signify');
    assert.deepEqual(
      openbsd.map(({ name, owner }) => [name, owner]),
      [
        ['openbsd-72', 'openbsd 7.2 public key'],
        ['openbsd-73', 'openbsd 7.3 public key'],
      ],
    );
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
    'with a key that is for nothing':
      'manifest: 1\nkeys: [{ file: key.asc, fingerprint: B7C5D7D6350947F8B7C5D7D6350947F8B7C5D7D6, owner: y }]\n',
    'with a key of no known kind':
      'manifest: 1\nkeys: [{ file: key.asc, kind: x509, fingerprint: B7C5D7D6350947F8B7C5D7D6350947F8B7C5D7D6, owner: y, name: z }]\n',
    'with an archive that signify signs':
      'manifest: 1\nkeys: [{ file: key.pub, kind: signify, fingerprint: B7C5D7D6350947F8B7C5D7D6350947F8B7C5D7D6, owner: y, origin: z }]\n',
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
