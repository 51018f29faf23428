/** Which step a difference is laid to. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { lastWriterIn, placeOf } from '../../src/crosscheck/index.ts';
import type { ManifestEntry } from '../../src/workshop/image/index.ts';

function stage(step: string, files: Readonly<Record<string, string>>) {
  const entries = Object.entries(files).map(([path, content]): ManifestEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    sha256: sha256(content),
  }));
  return { step, manifest: { entries } };
}

describe('the step that last wrote an entry', () => {
  const writer = lastWriterIn([
    stage('partition', { a: '1', b: '1', c: '1' }),
    stage('base-system', { a: '1', b: '2', d: '1' }),
    stage('finish', { a: '1', b: '2', c: '1', d: '1' }),
  ]);

  it('is the one after which it was first as it is at the end', () => {
    assert.deepEqual(writer('a'), { step: 'partition', after: null });
    assert.deepEqual(writer('b'), { step: 'base-system', after: 'partition' });
    assert.deepEqual(writer('d'), { step: 'base-system', after: 'partition' });
  });

  it('is the one that brought back what another had removed', () => {
    assert.deepEqual(writer('c'), { step: 'finish', after: 'base-system' });
  });

  it('is not known of what the image does not have, nor without stages', () => {
    assert.equal(writer('e'), undefined);
    assert.equal(lastWriterIn([stage('one', { a: '1' }), stage('two', {})])('a'), undefined);
    assert.equal(lastWriterIn([])('a'), undefined);
  });
});

describe('what an extent is', () => {
  it('is told for the places where something can boot', () => {
    assert.match(placeOf('disk:0+512') ?? '', /^boot sector/);
    assert.match(placeOf('disk:512+1048064') ?? '', /boot loaders/);
    assert.match(placeOf('disk:2096128+512') ?? '', /outside of any file system/);
  });

  it('is nothing for a file, whatever it is called', () => {
    assert.equal(placeOf('vg-swap:0+512'), 'in the logical volume vg-swap, outside of any file system');
    assert.equal(placeOf('p1:/etc/disk:0+512'), undefined);
  });
});
