/** The names of differing files, out of lists that hash to what was signed. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { differences } from '../../src/crosscheck/index.ts';
import { formatManifest, type ManifestEntry } from '../../src/workshop/image/index.ts';

const NORMALISER = sha256('rules');

function file(path: string, content: string): ManifestEntry {
  return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, sizeBytes: content.length, sha256: sha256(content) };
}

function listOf(files: Readonly<Record<string, string>>) {
  const entries = Object.entries(files).map(([path, content]) => file(path, content));
  const { text, digest } = formatManifest(entries, NORMALISER);
  return { bytes: Buffer.from(text), digest };
}

const mine = listOf({ 'p1:/bin/init': 'one', 'p1:/etc/issue': 'hello' });
const theirs = listOf({ 'p1:/bin/init': 'two', 'p1:/etc/motd': 'hello' });

describe('differences', () => {
  it('name each file that differs or is only on one side', () => {
    const found = differences(mine.bytes, theirs.bytes, theirs.digest, 'bob');
    assert.deepEqual(
      found.map(({ path, where }) => [path, where]),
      [
        ['p1:/bin/init', 'both'],
        ['p1:/etc/issue', 'only-in-a'],
        ['p1:/etc/motd', 'only-in-b'],
      ],
    );
  });

  it('are none between equal lists', () => {
    assert.deepEqual(differences(mine.bytes, mine.bytes, mine.digest, 'bob'), []);
  });

  it('are refused where what the peer sent is not what it signed', () => {
    const refused = { code: 'crosscheck/manifest-mismatch', exitCode: 3, message: /^bob sent a manifest with digest/ };
    assert.throws(() => differences(mine.bytes, theirs.bytes, sha256('what bob signed'), 'bob'), refused);
    assert.throws(() => differences(mine.bytes, mine.bytes, theirs.digest, 'bob'), refused);
  });

  it('are refused where what the peer sent is no list at all', () => {
    const garbage = Buffer.from('garbage');
    assert.throws(() => differences(mine.bytes, garbage, sha256(garbage), 'bob'), { exitCode: 3 });
  });
});
