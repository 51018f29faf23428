/** The names of differing files, out of lists that hash to what was signed. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { differences, theirManifest } from '../../src/crosscheck/index.ts';
import { formatManifest, type ManifestEntry } from '../../src/workshop/image/index.ts';
import { manifestLines, manifestOfLines } from '../../src/workshop/image/manifest-lines.ts';

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

describe('a peer’s list, put together from mine and what differs', () => {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

  /** What reconciling the two lists finds. */
  function difference(own: Uint8Array, other: Uint8Array) {
    const [ownLines, otherLines] = [manifestLines(own).map(text), manifestLines(other).map(text)];
    const onlyHere = ownLines.flatMap((line, index) => (otherLines.includes(line) ? [] : [index]));
    const onlyThere = otherLines.filter((line) => !ownLines.includes(line)).map((line) => Buffer.from(line, 'latin1'));
    return { onlyHere, onlyThere };
  }

  it('is theirs, byte for byte, whatever differs', () => {
    const lists = [
      mine,
      theirs,
      listOf({}),
      listOf({ 'p1:/a': 'x', 'p1:/a-b': 'x', 'p1:/a/b': 'x', 'p1:/A': 'x' }),
      listOf({ 'p1:/a': 'y', 'p1:/normaliser\\x20': 'x', 'p10:/a': 'x', 'p2:/a': 'x' }),
    ];
    for (const own of lists) {
      for (const other of lists) {
        const { onlyHere, onlyThere } = difference(own.bytes, other.bytes);
        const found = theirManifest(own.bytes, { onlyHere, onlyThere: onlyThere.toReversed() });
        assert.equal(text(found), text(other.bytes));
      }
    }
  });

  it('is not taken for theirs where they left something out', () => {
    const { onlyHere, onlyThere } = difference(mine.bytes, theirs.bytes);
    const found = theirManifest(mine.bytes, { onlyHere, onlyThere: onlyThere.slice(1) });
    assert.throws(() => differences(mine.bytes, found, theirs.digest, 'bob'), { code: 'crosscheck/manifest-mismatch' });
  });

  it('is no list where they sent what is no entry', () => {
    const found = theirManifest(mine.bytes, { onlyHere: [], onlyThere: [Buffer.from('garbage')] });
    assert.throws(() => differences(mine.bytes, found, theirs.digest, 'bob'), { exitCode: 3 });
    const broken = theirManifest(mine.bytes, { onlyHere: [], onlyThere: [Buffer.from('two\nlines')] });
    assert.throws(() => differences(mine.bytes, broken, theirs.digest, 'bob'), { exitCode: 3 });
  });

  it('has the lines that it was taken apart into', () => {
    for (const { bytes } of [mine, theirs]) assert.deepEqual(Buffer.from(manifestOfLines(manifestLines(bytes))), bytes);
    assert.deepEqual(manifestLines(Buffer.from('no end')).map(text), ['no end']);
    assert.deepEqual(manifestLines(new Uint8Array()), []);
  });
});
