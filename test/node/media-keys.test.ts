import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { runCommandLine } from '../../src/cli/program.ts';
import { KEYS_FOLDER } from '../../src/node/keys-folder.ts';
import { addMediaKey, checkFingerprint, listMediaKeys, mediaKeyIn, removeMediaKey } from '../../src/node/media-keys.ts';
import { ownKeysDir } from '../../src/node/media-sources.ts';
import { loadKeyring } from '../../src/workshop/media/keyring.ts';
import { cli, json } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { fingerprint, makeKey, NOW } from '../workshop/media/test-archive.ts';

const OPENBSD = path.join(KEYS_FOLDER, 'openbsd-73-base.pub');

describe('keys of media that a person adds', () => {
  let test: TestHome;
  beforeEach(async () => {
    test = await tempHome();
  });
  afterEach(() => test.remove());

  const inFile = async (name: string, content: string | Uint8Array): Promise<string> => {
    const file = path.join(test.folder, name);
    await writeFile(file, content);
    return file;
  };
  const own = () => loadKeyring(KEYS_FOLDER, ownKeysDir(test.home));

  it('are kept by fingerprint under a name of their own, and found by it', async () => {
    const key = await makeKey('Some Distribution');
    for (const content of [key.public.armor(), key.public.write()]) {
      const candidate = await mediaKeyIn(await inFile('key', content), undefined);
      assert.deepEqual(
        [candidate.kind, candidate.fingerprint, candidate.owner],
        ['openpgp', fingerprint(key), 'Some Distribution <test@example.org>'],
      );
      await addMediaKey(test.home, candidate, 'some-distro', NOW);
    }
    const found = (await own()).media.filter(({ name }) => name === 'some-distro');
    assert.deepEqual(
      found.map((one) => one.fingerprint),
      [fingerprint(key)],
    );
    const [listed, ...others] = (await listMediaKeys(test.home)).filter(({ own }) => own);
    assert.deepEqual([listed?.name, listed?.since, others], ['some-distro', NOW.toISOString().slice(0, 10), []]);
    await removeMediaKey(test.home, 'some-distro');
    assert.deepEqual(await readdir(ownKeysDir(test.home)), ['manifest.yaml']);
    assert.deepEqual(await own(), await loadKeyring(KEYS_FOLDER));
  });

  it('are removed by fingerprint where several have one name', async () => {
    const keys = [await makeKey('old'), await makeKey('new')];
    for (const key of keys) {
      await addMediaKey(test.home, await mediaKeyIn(await inFile('key', key.public.armor()), undefined), 'distro', NOW);
    }
    const prints = keys.map(fingerprint);
    await assert.rejects(removeMediaKey(test.home, 'distro'), {
      code: 'media/key-ambiguous',
      facts: { fingerprints: prints },
    });
    assert.equal((await removeMediaKey(test.home, prints[0]?.toLowerCase() ?? '')).fingerprint, prints[0]);
    assert.equal((await removeMediaKey(test.home, 'distro')).fingerprint, prints[1]);
  });

  it('of signify and minisign are told apart by their comments, or by the person', async () => {
    const text = await readFile(OPENBSD, 'utf8');
    assert.equal((await mediaKeyIn(OPENBSD, undefined)).kind, 'signify');
    const other = await inFile('mini.pub', text.replace('openbsd 7.3', 'minisign'));
    assert.equal((await mediaKeyIn(other, undefined)).kind, 'minisign');
    assert.equal((await mediaKeyIn(OPENBSD, 'minisign')).kind, 'minisign');
  });

  it('are refused: two in a file, a private one, none, and what is no key at all', async () => {
    const [one, two] = [await makeKey('one'), await makeKey('two')];
    const unreadable: Record<string, string | Uint8Array> = {
      two: Buffer.concat([one.public.write(), two.public.write()]),
      private: one.private.armor(),
      empty: '',
      words: 'no key\n',
      'signify-cut': (await readFile(OPENBSD)).subarray(0, 60),
      'signify-more': `${await readFile(OPENBSD, 'utf8')}more\n`,
    };
    for (const [name, content] of Object.entries(unreadable)) {
      const file = await inFile(name, content);
      await assert.rejects(mediaKeyIn(file, undefined), { code: 'media/key-unreadable', exitCode: 2 }, name);
    }
    await assert.rejects(mediaKeyIn(path.join(test.folder, 'none'), undefined), { code: 'media/key-unreadable' });
  });

  it('threat 32: never stand for what keys that come with portalgun stand for', async () => {
    const candidate = await mediaKeyIn(await inFile('key', (await makeKey('evil')).public.armor()), undefined);
    await assert.rejects(addMediaKey(test.home, candidate, 'debian-cd', NOW), { code: 'media/key-name-taken' });
    await assert.rejects(addMediaKey(test.home, candidate, '../x', NOW), { code: 'media/bad-key-name' });
    await addMediaKey(test.home, candidate, 'mine', NOW);
    const manifest = path.join(ownKeysDir(test.home), 'manifest.yaml');
    const text = await readFile(manifest, 'utf8');
    for (const taken of ['name: debian-cd', 'origin: Debian']) {
      await writeFile(manifest, text.replace('name: mine', taken));
      await assert.rejects(own(), { code: 'media/keyring-mismatch', message: /come with portalgun/ });
    }
  });

  it('are compared by fingerprint, however it is written', async () => {
    const candidate = await mediaKeyIn(OPENBSD, undefined);
    checkFingerprint(candidate, candidate.fingerprint.toLowerCase().replaceAll(/(.{4})/g, '$1 '));
    assert.throws(() => checkFingerprint(candidate, candidate.fingerprint.replace(/.$/, '0').replace(/^./, '0')), {
      code: 'media/key-mismatch',
      exitCode: 3,
    });
  });

  it('are shown with their fingerprint at a terminal, and added only after a yes', async () => {
    const file = await inFile('key.asc', (await makeKey('one')).public.armor());
    const { fingerprint: print } = await mediaKeyIn(file, undefined);
    const answered = async (answer: string): Promise<[code: number, shown: string]> => {
      const stdin = Object.assign(new PassThrough(), { isTTY: true });
      const stdout = new PassThrough();
      let shown = '';
      stdout.on('data', (chunk: Buffer) => {
        shown += String(chunk);
        if (/Is it the same\? \[y\/N\] /.test(shown) && !stdin.writableEnded) stdin.end(answer);
      });
      const streams = { stdin, stdout, stderr: new PassThrough(), environment: test.environment };
      return [await runCommandLine(['media', 'key', 'add', file, '--name', 'one'], streams), shown];
    };
    const [no, shown] = await answered('n\n');
    assert.deepEqual([no, (await own()).media.filter(({ name }) => name === 'one')], [1, []]);
    assert.match(shown, new RegExp(`openpgp key ${print}[^]*Nobody has checked that[^]*Nothing was added`));
    const [yes] = await answered('y\n');
    assert.deepEqual([yes, (await own()).media.filter(({ name }) => name === 'one').length], [0, 1]);
  });

  it('are not added by the command line where nobody compared the fingerprint', async () => {
    const file = await inFile('key.asc', (await makeKey('one')).public.armor());
    const { fingerprint: print } = await mediaKeyIn(file, undefined);
    const refused = await json(test, ['media', 'key', 'add', file, '--name', 'one'], 2);
    assert.equal(refused.error.code, 'media/key-unconfirmed');
    assert.equal(refused.error.facts.fingerprint, print);
    assert.equal((await cli(test, ['media', 'key', 'add', file, '--name', 'one', '--fingerprint', 'AB'])).code, 3);
    const added = await json(test, ['media', 'key', 'add', file, '--name', 'one', '--fingerprint', print]);
    assert.deepEqual(added, { name: 'one', kind: 'openpgp', fingerprint: print, owner: 'one <test@example.org>' });
    const removed = await json(test, ['media', 'key', 'remove', print]);
    assert.deepEqual(removed, { name: 'one', fingerprint: print });
    assert.equal((await json(test, ['media', 'key', 'remove', 'one'], 2)).error.code, 'media/key-unknown');
  });
});
