/** What two nodes send each other to find out what differs: every byte of it, both ways. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { differences } from '../../src/crosscheck/index.ts';
import { formatManifest, type ManifestEntry } from '../../src/workshop/image/index.ts';
import { manifestLines } from '../../src/workshop/image/manifest-lines.ts';
import { compareOnTheWire } from '../support/wire.ts';

const FILES = 3000;
/** Nobody else's text: if it were anywhere in what is sent, it would be found. */
const contentOf = (number: number, who = ''): string =>
  `the content of file ${number} ${who} ${'x'.repeat(number % 50)}`;

function manifestWith(changed: ReadonlySet<number>, who: string) {
  const entries = Array.from({ length: FILES }, (_, number): ManifestEntry => {
    const content = contentOf(number, changed.has(number) ? who : '');
    const path = `p1:/usr/share/file-${number}`;
    return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, sizeBytes: content.length, sha256: sha256(content) };
  });
  const { text, digest } = formatManifest(entries, sha256('rules'));
  return { bytes: Buffer.from(text, 'latin1'), digest };
}

describe('comparing two builds on the wire', () => {
  it('sends no content of any file, few bytes, in few rounds, and finds exactly what differs', async () => {
    const [mine, theirs] = [manifestWith(new Set(), 'mine'), manifestWith(new Set([7, 1500, 2999]), 'theirs')];
    const { bytes, rounds, entries, found } = await compareOnTheWire(mine.bytes, theirs);
    assert.deepEqual(
      differences(mine.bytes, found, theirs.digest, 'them').map(({ path }) => path),
      ['p1:/usr/share/file-1500', 'p1:/usr/share/file-2999', 'p1:/usr/share/file-7'],
    );
    assert.ok(bytes.length < theirs.bytes.length / 10, `${bytes.length} bytes`);
    assert.ok(rounds <= 4, `${rounds} rounds`);
    assert.ok(!bytes.includes('the content of file'));
    // Whatever is not a digest is a line of the manifest that was signed.
    const lines = new Set(manifestLines(theirs.bytes).map((line) => Buffer.from(line).toString()));
    assert.equal(entries.length, 3);
    assert.ok(entries.every((entry) => lines.has(entry)));
  });
});
