import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.ts';
import { mediaDigest } from '../../src/recipe/digest.ts';
import { diffLocks, formatLock, lockDigest, lockMatches, parseLock } from '../../src/recipe/lock.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { Lock, LockedPackage } from '../../src/recipe/types.ts';
import { recipeOf, sample } from './fixtures.ts';

const grub: LockedPackage = {
  package: 'grub-rescue-pc',
  version: '2.06-13+deb12u2',
  architecture: 'amd64',
  sha256: 'a'.repeat(64),
  sizeBytes: 3_000_000,
  signedBy: 'B'.repeat(40),
};
const recipe = parseRecipe(
  recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { package: grub-rescue-pc, path: a.iso } }\n'),
);
const lock: Lock = { lock: 1, of: mediaDigest(recipe.recipe), media: { iso: [grub] } };
const withPackage = (fields: Partial<LockedPackage>): Lock => ({ ...lock, media: { iso: [{ ...grub, ...fields }] } });

describe('a lock', () => {
  it('is written and read back the same, and the same lock gives the same bytes', () => {
    assert.deepEqual(parseLock(formatLock(lock)), lock);
    assert.equal(formatLock(parseLock(formatLock(lock))), formatLock(lock));
    const empty: Lock = { lock: 1, of: lock.of, media: {} };
    assert.deepEqual(parseLock(formatLock(empty)), empty);
    assert.deepEqual(parseLock(formatLock({ ...empty, media: { iso: [] } })).media, { iso: [] });
  });

  it('belongs to a recipe with exactly these media', () => {
    assert.ok(lockMatches(lock, recipe) && lockMatches(lock, recipe.recipe));
    assert.ok(!lockMatches(lock, sample()));
  });

  it('has a digest that goes by the bytes used, not by who vouched for them', () => {
    assert.equal(lockDigest(withPackage({ signedBy: 'C'.repeat(40) })), lockDigest(lock));
    for (const fields of [
      { version: '2.06-14' },
      { sha256: 'b'.repeat(64) },
      { package: 'other' },
      { architecture: 'all' },
    ]) {
      assert.notEqual(lockDigest(withPackage(fields)), lockDigest(lock));
    }
  });

  it('says what moved', () => {
    assert.deepEqual(diffLocks(lock, lock), []);
    assert.deepEqual(diffLocks(lock, withPackage({ version: '2.06-14' })), [
      'iso: grub-rescue-pc:amd64 2.06-13+deb12u2 → 2.06-14',
    ]);
    assert.match(diffLocks(lock, withPackage({ sha256: 'b'.repeat(64) }))[0] ?? '', /same version, other content/);
    assert.match(
      diffLocks(lock, withPackage({ signedBy: 'C'.repeat(40) }))[0] ?? '',
      /vouched for by C+ instead of B+/,
    );
    assert.deepEqual(diffLocks(lock, { ...lock, media: { parts: [grub] } }), [
      'iso: - grub-rescue-pc:amd64 2.06-13+deb12u2',
      'parts: + grub-rescue-pc:amd64 2.06-13+deb12u2',
    ]);
  });

  const text = formatLock(lock);
  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['another version of the format', text.replace('lock: 1', 'lock: 2'), /:3:7: lock: found 2, expected 1/],
    ['a digest that is none', text.replace(lock.of, 'sha256:abc'), /of: found "sha256:abc", expected a digest/],
    ['a short checksum', text.replace('a'.repeat(64), 'a'.repeat(63)), /media\.iso\[0\]\.sha256: .*expected 64/],
    ['a missing field', text.replace(/ {6}signedBy.*\n/, ''), /signedBy: found nothing/],
    ['an unknown field', text.replace('sizeBytes', 'size'), /unknown field "size"/],
    [
      'a package named like a path',
      text.replace('"grub-rescue-pc"', '"../x"'),
      /expected the name of a Debian package/,
    ],
    ['a size that is none', text.replace('3000000', '0'), /expected a size/],
    ['a list of nothing', 'lock: 1\n', /of: found nothing/],
    ['no mapping', '- 1\n', /expected a mapping/],
    ['no YAML', '[', /./],
  ];
  for (const [what, source, expected] of broken) {
    it(`is refused with ${what}`, () => {
      assert.throws(
        () => parseLock(source, 'a.lock.yaml'),
        (error: unknown) =>
          error instanceof UsageError && error.code === 'recipe/invalid-lock' && expected.test(error.message),
      );
    });
  }
});
