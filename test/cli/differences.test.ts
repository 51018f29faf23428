/** How entries that differ are told to a person. */
import assert from 'node:assert/strict';
import { describeDifferences, type Told } from '../../src/cli/differences.ts';
import { sha256 } from '../../src/crypto/digest.ts';
import type { CauseKind } from '../../src/crosscheck/index.ts';

const entry = { kind: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes: 1 } as const;
const differing = (name: string, kind?: CauseKind): Told => ({
  where: 'both',
  path: `p1:/${name}`,
  changes: ['content'],
  a: { ...entry, path: `p1:/${name}`, sha256: sha256('a') },
  b: { ...entry, path: `p1:/${name}`, sha256: sha256('b') },
  ...(kind && { cause: { kind, evidence: 'what the bytes say' } }),
});
const whose = { left: 'yours', right: 'bob’s' };

describe('differences that are told', () => {
  it('end with what a recipe can do about each cause, once, on lines that fit', () => {
    const kinds = ['time', 'randomness', 'order', 'host', 'version'] as const;
    const lines = describeDifferences(
      [...kinds, ...kinds].map((kind) => differing(kind, kind)),
      whose,
    );
    const advice = lines.filter((line) => line.startsWith('  against '));
    assert.deepEqual(
      advice.map((line) => line.split(/[ :]+/)[2]),
      kinds,
    );
    for (const line of advice) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  });

  it('say with each probable cause what speaks for it', () => {
    const [line = '', cause = ''] = describeDifferences([differing('a', 'time')], whose);
    assert.match(line, /p1:\/a: content differs/);
    assert.match(cause, /probably time: what the bytes say/);
  });

  it('say nothing of the kind where no cause is known', () => {
    assert.deepEqual(describeDifferences([differing('a')], whose), ['  p1:/a: content differs']);
  });
});
