/** Media and archives by their address, as recipes and locks have them. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { UsageError } from '../../src/errors.ts';
import { classifyOperations } from '../../src/recipe/classify.ts';
import { diffRecipes } from '../../src/recipe/diff.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { diffLocks, formatLock, lockDigest, parseLock } from '../../src/recipe/lock.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe, Lock } from '../../src/recipe/types.ts';

const HASH = 'a'.repeat(64);

const recipe = (iso: string, more = ''): CheckedRecipe =>
  parseRecipe(`recipe: 1
name: test
version: 1.0.0
summary: a test
media:
  iso: ${iso}
${more}machine: { arch: x86_64, memory: 64M }
steps: [{ id: a, expect: { text: x } }]
`);

const SIGNED =
  '{ url: "https://h.example/d.iso", checksums: { url: "https://h.example/SUMS", signature: "https://h.example/SUMS.sign" }, signed_by: debian-cd }';

describe('media by their address in a recipe', () => {
  it('are read in every form', () => {
    for (const iso of [
      SIGNED,
      '{ url: "http://h.example:8080/a/d.iso", checksums: { url: "https://other.example/S", name: a/d.iso }, signed_by: x, size: 5 }',
      `{ url: "https://h.example/d.iso", signature: "https://h.example/d.iso.sig", signed_by: ${'A'.repeat(40)}, hosts: [m.example] }`,
      `{ url: "https://h.example/d.iso", sha256: ${HASH} }`,
    ])
      assert.ok(recipe(iso).digest);
  });

  const refused: readonly (readonly [iso: string, message: RegExp])[] = [
    ['{ url: "https://h.example/d.iso" }', /needs what it is verified by/],
    ['{ url: "https://h.example/d.iso", signed_by: x }', /where is the signature/],
    ['{ url: "https://h.example/d.iso", signature: "https://h.example/s" }', /"signed_by" is missing/],
    [
      SIGNED.replace('signed_by', 'signature: "https://h.example/s", signed_by'),
      /over the list of checksums or over the file/,
    ],
    [SIGNED.replace('debian-cd', '../x'), /the name of keys in keys\//],
    [SIGNED.replace('signed_by', `unverified: allow, signed_by`), /"unverified" does not go with "url"/],
    [SIGNED.replace('{ url', '{ file: x, url'), /exactly one of package, file, url, layout/],
    [SIGNED.replace('}, signed_by', ', name: ../d.iso }, signed_by'), /a file name, perhaps in a folder/],
    [SIGNED.replace('signed_by', 'hosts: ["h.example/x"], signed_by'), /a host, such as/],
    [SIGNED.replace('signed_by', 'size: 0, signed_by'), /at least 1/],
    ...[
      'ftp://h.example/d.iso',
      'file:///etc/passwd',
      '/d.iso',
      'https://user:word@h.example/d.iso',
      'https://user@h.example/d.iso',
      'https://h.example/d.iso?to=x',
      'https://h.example/d.iso#x',
      'https://h.example/',
      'https://h.example/a/../d.iso',
      'https://H.example/d.iso',
      'https://h.example:443/d.iso',
      'https://0x7f000001/d.iso',
      'https://127.1/d.iso',
      'https://h.example/a b.iso',
      'https://h.example\\\\@evil.example/d.iso',
    ].map(
      (url) =>
        [SIGNED.replace('https://h.example/d.iso', url), /media\.iso\.url: found .* expected an address/] as const,
    ),
  ];
  for (const [iso, message] of refused) {
    it(`are refused: ${message.source.slice(0, 40)} in ${iso.slice(0, 60)}`, () => {
      assert.throws(
        () => recipe(iso),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('that only the recipe’s author vouches for are a finding', () => {
    const findings = lintRecipe(recipe(`{ url: "https://h.example/d.iso", sha256: ${HASH} }`));
    assert.match(findings.map(({ message }) => message).join(), /iso is vouched for by this recipe alone/);
    assert.deepEqual(
      lintRecipe(recipe(SIGNED)).filter(({ message }) => message.includes('iso')),
      [],
    );
  });

  it('threat 27: a patch that changes an address, whose key, or an archive has authority', () => {
    const archives = 'archives: [{ url: "https://h.example/debian", suite: bookworm, components: [main] }]\n';
    const before = recipe(SIGNED, archives);
    for (const after of [
      recipe(SIGNED.replaceAll('h.example', 'i.example'), archives),
      recipe(SIGNED.replace('debian-cd', 'other'), archives),
      recipe(SIGNED.replace('signed_by', 'hosts: [i.example], signed_by'), archives),
      recipe(SIGNED, archives.replace('h.example', 'i.example')),
      recipe(SIGNED),
    ]) {
      const { changeClass } = classOfAll(before, after);
      assert.equal(changeClass, 'authority');
    }
  });

  it('archives are a suite and components at an address', () => {
    for (const [archive, message] of [
      ['{ url: "https://h.example/debian", suite: "../x", components: [main] }', /a suite, such as bookworm/],
      ['{ url: "https://h.example/debian", suite: bookworm, components: [] }', /at least 1/],
      ['{ url: "https://H.example/debian", suite: bookworm, components: [main] }', /an address as it is sent/],
      ['{ url: "file:///srv/debian", suite: bookworm, components: [main] }', /an address such as/],
    ] as const)
      assert.throws(() => recipe(SIGNED, `archives: [${archive}]\n`), message);
  });
});

function classOfAll(before: CheckedRecipe, after: CheckedRecipe) {
  return { changeClass: classifyOperations(before, diffRecipes(before, after)).class };
}

describe('a lock of media by their address', () => {
  const lock: Lock = {
    lock: 1,
    of: sha256('x'),
    media: {},
    files: { iso: { file: 'a/d.iso', sha256: HASH, sizeBytes: 5, signedBy: 'A'.repeat(40) } },
  };
  const moved = (change: object): Lock => ({ ...lock, files: { iso: { ...lock.files!['iso']!, ...change } } });

  it('is written and read as it is, and says what moved', () => {
    assert.deepEqual(parseLock(formatLock(lock)), lock);
    assert.deepEqual(diffLocks(lock, moved({ sha256: 'b'.repeat(64) })), [
      'iso: a/d.iso: other content (aaaaaaaaaaaa → bbbbbbbbbbbb)',
    ]);
    assert.deepEqual(diffLocks(lock, moved({ file: 'e.iso' })), ['iso: a/d.iso → e.iso']);
    assert.equal(diffLocks(lock, moved({ signedBy: 'B'.repeat(40) })).length, 1);
    const { files: _, ...without } = lock;
    assert.deepEqual([diffLocks(lock, without), diffLocks(without, lock)], [['iso: - a/d.iso'], ['iso: + a/d.iso']]);
  });

  it('is part of a build’s key by what the file is, not by who vouched', () => {
    assert.equal(lockDigest(lock), lockDigest(moved({ signedBy: 'B'.repeat(40) })));
    assert.notEqual(lockDigest(lock), lockDigest(moved({ sha256: 'b'.repeat(64) })));
    const { files: _, ...without } = lock;
    assert.notEqual(lockDigest(lock), lockDigest(without));
  });

  it('is refused where it is not one', () => {
    for (const change of [{ sha256: 'x' }, { file: '../d iso' }, { sizeBytes: 0 }, { signedBy: 'me' }, { more: 1 }])
      assert.throws(() => parseLock(formatLock(moved(change)).concat('more' in change ? '    more: 1\n' : '')), {
        code: 'recipe/invalid-lock',
      });
    assert.throws(() => parseLock(formatLock(lock).replace('  iso:', '  "../iso":')), { code: 'recipe/invalid-lock' });
  });
});
