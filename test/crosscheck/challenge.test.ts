/** Showing that one holds what one has signed. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { sha256 } from '../../src/crypto/digest.ts';
import { choosePaths, keyedDigest, possessionBy } from '../../src/crosscheck/index.ts';
import type { ManifestEntry } from '../../src/workshop/image/index.ts';
import { author } from '../heal/patches.ts';

const [alice, bob] = [author(1).id, author(2).id];
const about = { nonce: new Uint8Array(32).fill(7), asker: alice, answerer: bob, manifest: sha256('manifest') };

function answer(content: string, of = about, path = 'p1:/bin/init'): string {
  const digest = keyedDigest(of, path);
  for (const char of content) digest.update(Buffer.from(char));
  return digest.digest();
}

describe('threat 29: an answer to a challenge', () => {
  it('is HMAC-SHA-256 over a line that says what it is about, and the content', () => {
    const text = `portalgun-challenge/1 ${alice} ${bob} ${about.manifest} p1:/bin/init\ncontent`;
    assert.equal(answer('content'), `sha256:${createHmac('sha256', about.nonce).update(text).digest('hex')}`);
  });

  it('is another one for each content, path, nonce, asker, answerer and manifest: none can be reused or passed on', () => {
    const answers = new Set([
      answer('content'),
      answer('contents'),
      answer('content', about, 'p1:/bin/sh'),
      answer('content', { ...about, nonce: new Uint8Array(32) }),
      answer('content', { ...about, asker: bob }),
      answer('content', { ...about, answerer: alice }),
      answer('content', { ...about, manifest: sha256('another') }),
    ]);
    assert.equal(answers.size, 7);
  });

  it('proves possession where each digest is right, and names those that are not', () => {
    const [a, b, c] = [sha256('a'), sha256('b'), sha256('c')];
    assert.deepEqual(possessionBy(['x', 'y'], [a, b], [a, b]), { result: 'proved', paths: 2 });
    assert.deepEqual(possessionBy(['x', 'y'], [a, b], [a, c]), { result: 'wrong', paths: 2, wrong: ['y'] });
    assert.deepEqual(possessionBy(['x', 'y'], [a, b], []), { result: 'wrong', paths: 2, wrong: ['x', 'y'] });
  });
});

describe('the entries that a challenge names', () => {
  const file = { kind: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes: 3, sha256: sha256('abc') } as const;
  const entries: ManifestEntry[] = [
    { kind: 'extent', path: 'disk:0+512', sizeBytes: 512, sha256: sha256('boot') },
    { kind: 'filesystem', path: 'disk:512+512', sizeBytes: 512, name: 'p1', type: 'ext4' },
    { kind: 'directory', path: 'p1:/', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 },
    { ...file, path: 'p1:/a' },
    { ...file, path: 'p1:/b' },
    { ...file, path: 'p1:/c', hardLinkOf: 'p1:/b' },
    { ...file, path: 'p1:/empty', sizeBytes: 0, sha256: sha256('') },
    { ...file, path: 'p1:/z' },
  ];

  it('have content, one name, and are drawn without one being there twice', () => {
    assert.deepEqual(
      choosePaths({ entries }, 10, () => 0),
      ['disk:0+512', 'p1:/a', 'p1:/z'],
    );
  });

  it('are as many as are asked for, and others for other random numbers', () => {
    assert.deepEqual(
      choosePaths({ entries }, 1, () => 0),
      ['disk:0+512'],
    );
    assert.deepEqual(
      choosePaths({ entries }, 1, (below) => below - 1),
      ['p1:/z'],
    );
  });
});
