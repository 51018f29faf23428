import assert from 'node:assert/strict';
import { PortalgunError } from '../../../src/errors.ts';
import { resolvePackages } from '../../../src/workshop/media/closure.ts';
import { packagesIndex } from '../../../src/workshop/media/packages-index.ts';

describe('the dependency closure', () => {
  it('follows Depends and Pre-Depends to the end, each package once, sorted by name', () => {
    const packages = index({ a: 'Depends: c\nPre-Depends: b', b: 'Depends: c, a', c: '', d: '' });
    assert.deepEqual(names(packages, ['a']), ['a=1', 'b=1', 'c=1']);
  });

  it('takes the first alternative that can be had', () => {
    assert.deepEqual(names(index({ a: 'Depends: x | b | c', b: '', c: '' }), ['a']), ['a=1', 'b=1']);
  });

  it('takes no further alternative where one is chosen already', () => {
    assert.deepEqual(names(index({ a: 'Depends: b | c', b: '', c: '' }), ['a', 'c']), ['a=1', 'c=1']);
  });

  it('looks at versions: of packages, and of what they provide', () => {
    const packages = index({
      a: 'Depends: lib (>= 2)',
      lib: '',
      'lib-new': 'Provides: lib (= 2.1)',
      'lib-plain': 'Provides: lib',
    });
    assert.deepEqual(names(packages, ['a']), ['a=1', 'lib-new=1']);
  });

  it('chooses among providers by priority, then by name', () => {
    const packages = index({
      a: 'Depends: mail',
      aa: 'Provides: mail\nPriority: extra',
      bb: 'Provides: mail\nPriority: optional',
      cc: 'Provides: mail\nPriority: optional',
    });
    assert.deepEqual(names(packages, ['a']), ['a=1', 'bb=1']);
  });

  it('takes the highest version that fits', () => {
    const packages = packagesIndex(
      [stanza('a', 'Depends: b (<< 3)'), stanza('b', '', '1'), stanza('b', '', '10~'), stanza('b', '', '2')].join('\n'),
      'test',
    );
    assert.deepEqual(names(packages, ['a']), ['a=1', 'b=2']);
    assert.deepEqual(names(packages, ['b']), ['b=10~']);
  });

  it('reads architecture qualifiers and old relations', () => {
    assert.deepEqual(names(index({ a: 'Depends: b:any (> 0), c:amd64', b: '', c: '' }), ['a']), ['a=1', 'b=1', 'c=1']);
  });

  it('is the same whatever the order of the wishes', () => {
    const packages = index({ a: 'Depends: c', b: 'Depends: d', c: '', d: '' });
    assert.deepEqual(names(packages, ['a', 'b']), names(packages, ['b', 'a']));
  });

  it('names what is missing and who wants it', () => {
    assert.throws(
      () => names(index({ a: 'Depends: b (>= 2) | c', b: '' }), ['a']),
      (error) => {
        assert(error instanceof PortalgunError);
        return error.code === 'media/dependency-not-found' && /a 1 depends on "b \(>= 2\) \| c"/.test(error.message);
      },
    );
  });

  it('stops at its limit of packages', () => {
    const chain = (length: number) =>
      index(
        Object.fromEntries(Array.from({ length }, (_, i) => [`p${i}`, i + 1 < length ? `Depends: p${i + 1}` : ''])),
      );
    assert.equal(names(chain(1000), ['p0']).length, 1000);
    assert.throws(() => names(chain(1001), ['p0']), { code: 'media/closure-too-large' });
  });

  for (const [what, text] of Object.entries({
    'a digest that is none': stanza('a', '').replace(/SHA256: .*/, 'SHA256: abc'),
    'a field twice': stanza('a', 'Size: 5'),
    'a version with a slash': stanza('a', '', '1/../2'),
    'a dependency that is no relation': stanza('a', 'Depends: b (~> 2)'),
    'a line without a field': stanza('a', 'nonsense'),
  })) {
    it(`refuses a stanza with ${what}`, () => {
      assert.throws(() => names(packagesIndex(text, 'test'), ['a']), { code: 'media/index-malformed' });
    });
  }
});

function index(packages: Readonly<Record<string, string>>): ReturnType<typeof packagesIndex> {
  return packagesIndex(
    Object.entries(packages)
      .map(([name, fields]) => stanza(name, fields))
      .join('\n'),
    'test',
  );
}

function stanza(name: string, fields: string, version = '1'): string {
  return `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n${fields === '' ? '' : `${fields}\n`}Size: 1\nSHA256: ${'0'.repeat(64)}\n`;
}

function names(source: ReturnType<typeof packagesIndex>, wanted: readonly string[]): string[] {
  return resolvePackages(source, wanted, true).map(({ name, version }) => `${name}=${version}`);
}
