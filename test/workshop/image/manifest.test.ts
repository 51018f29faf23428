import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { RefusedError } from '../../../src/errors.ts';
import type { Digest } from '../../../src/crypto/digest.ts';
import {
  diffManifests,
  dirHash1,
  escapeName,
  formatManifest,
  type ManifestEntry,
  parseManifest,
  unescapeName,
} from '../../../src/workshop/image/index.ts';

const NORMALISER: Digest = `sha256:${'0'.repeat(64)}`;
const A: Digest = `sha256:${'a'.repeat(64)}`;
const B: Digest = `sha256:${'b'.repeat(64)}`;

const file = (path: string, more: object = {}): ManifestEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 3,
  sha256: A,
  ...more,
});

const owned = { mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 };

const ENTRIES: readonly ManifestEntry[] = [
  file('p1:/b'),
  file('p1:/a.c', { rule: 'machine-id' }),
  file('p1:/a/x', { hardLinkOf: 'p1:/b', xattrs: B, mode: 0o4755, uid: 1000 }),
  { kind: 'directory', path: 'p1:/', ...owned },
  { kind: 'symlink', path: 'p1:/link', ...owned, linkTarget: 'a\\x20b=p1:/c' },
  { kind: 'character', path: 'p1:/dev', ...owned, device: [5, 1] },
  { kind: 'filesystem', path: 'disk:1024+4096', sizeBytes: 4096, name: 'p1', type: 'ext4' },
  { kind: 'extent', path: 'disk:0+1024', sizeBytes: 1024, sha256: A, rule: 'disk-id' },
];

const TEXT = `portalgun-manifest 2
normaliser ${NORMALISER}
x - - - 1024 ${A} - disk-id disk:0+1024 - -
v - - - 4096 - - - disk:1024+4096 p1:ext4 -
d 0755 0 0 0 - - - p1:/ - -
f 0644 0 0 3 ${A} - machine-id p1:/a.c - -
f 4755 1000 0 3 ${A} ${B} - p1:/a/x - p1:/b
f 0644 0 0 3 ${A} - - p1:/b - -
c 0755 0 0 0 - - - p1:/dev 5:1 -
l 0755 0 0 0 - - - p1:/link >a\\x20b=p1:/c -
`;

const parse = (text: string): ReturnType<typeof parseManifest> => parseManifest(Buffer.from(text, 'latin1'));
const refused = { code: 'image/bad-manifest', exitCode: 3 };

describe('a manifest', () => {
  it('is one line an entry, sorted bytewise by path, and its digest is that of the text', () => {
    const manifest = formatManifest(ENTRIES, NORMALISER);
    assert.equal(manifest.text, TEXT);
    assert.equal(manifest.digest, `sha256:${createHash('sha256').update(TEXT).digest('hex')}`);
  });

  it('is the same whatever order its entries come in', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...ENTRIES], { minLength: ENTRIES.length }), (shuffled) => {
        assert.equal(formatManifest(shuffled, NORMALISER).text, TEXT);
      }),
    );
  });

  it('reads as what was written', () => {
    const read = parse(TEXT);
    assert.deepEqual(new Set(read.entries), new Set(ENTRIES));
    assert.equal(read.normaliser, NORMALISER);
    assert.equal(read.dirHash1, formatManifest(ENTRIES, NORMALISER).dirHash1);
  });

  it('cannot have two entries with one path', () => {
    assert.throws(() => formatManifest([file('p1:/a'), file('p1:/a')], NORMALISER), { code: 'image/duplicate-path' });
  });

  it('has one spelling: whatever one byte is changed to, it is refused or says something else', () => {
    const bytes = Buffer.from(TEXT, 'latin1');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        let read;
        try {
          read = parseManifest(changed);
        } catch (error) {
          assert.ok(error instanceof RefusedError);
          assert.equal(error.code, 'image/bad-manifest');
          return;
        }
        assert.deepEqual(Buffer.from(formatManifest(read.entries, read.normaliser).text, 'latin1'), changed);
      }),
      { numRuns: 3000 },
    );
  });

  const replaced = (from: string | RegExp, to: string): string => {
    const text = TEXT.replace(from, to);
    assert.notEqual(text, TEXT);
    return text;
  };
  const BAD: Readonly<Record<string, string>> = {
    'another version': replaced('manifest 2', 'manifest 1'),
    'no normaliser': replaced(/normaliser .*\n/, ''),
    'a last line without line feed': TEXT.slice(0, -1),
    'a garbage line at the end': `${TEXT}\n`,
    'lines out of order': replaced(/(f 0644 0 0 3 \S+ - - p1:\/b - -\n)(c .*\n)/, '$2$1'),
    'one line twice': replaced(/(c .*\n)/, '$1$1'),
    'a carriage return': replaced('p1:/dev 5:1 -\n', 'p1:/dev 5:1 -\r\n'),
    'a path out of its file system': replaced('p1:/dev', 'p1:/../dev'),
    'an empty part of a path': replaced('p1:/dev', 'p1://dev'),
    'a path without file system': replaced('p1:/dev', '/dev'),
    'a byte that should be escaped': replaced('p1:/dev', 'p1:/d\u00e9v'),
    'an escape that is not needed': replaced('p1:/dev', 'p1:/\\x64ev'),
    'an escape in capitals': replaced('a\\x20b', 'a\\x2Fb'),
    'a mode of five digits': replaced('d 0755', 'd 00755'),
    'a number with a leading zero': replaced('4755 1000', '4755 01000'),
    'a size beyond what is exact': replaced('0 3 sha256', '0 9999999999999999 sha256'),
    'a file without digest': replaced(`${A} - machine-id`, '- - machine-id'),
    'a folder with a digest': replaced('d 0755 0 0 0 -', `d 0755 0 0 0 ${A}`),
    'a folder with a target': replaced('p1:/ - -', 'p1:/ >x -'),
    'a device without numbers': replaced('5:1', '-'),
    'a symbolic link without target': replaced(/>a\S+/, '-'),
    'an extent whose size is not that of its name': replaced('- 1024 sha256', '- 1025 sha256'),
    'a letter that is none': replaced('c 0755', 'q 0755'),
    'a rule with an odd name': replaced('machine-id', 'Machine_ID'),
  };
  for (const [what, text] of Object.entries(BAD)) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => parse(text), refused);
    });
  }

  it('is refused above its limit, and taken at it', () => {
    const bytes = Buffer.from(TEXT, 'latin1');
    assert.equal(parseManifest(bytes, bytes.length).text, TEXT);
    assert.throws(() => parseManifest(bytes, bytes.length - 1), refused);
  });
});

describe('names in a manifest', () => {
  it('come back as the bytes that they were, printable in between, no two alike', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const escaped = escapeName(bytes);
        assert.match(escaped, /^[!-~]*$/);
        assert.deepEqual(unescapeName(escaped), Buffer.from(bytes));
      }),
    );
  });

  it('keep nothing that acts on a terminal or reorders text', () => {
    assert.equal(escapeName(Buffer.from('\u001b[2J\u202egpj')), '\\x1b[2J\\xe2\\x80\\xaegpj');
    assert.equal(escapeName(Buffer.from('a\\b c')), 'a\\x5cb\\x20c');
  });
});

describe('dirHash1', () => {
  it("is Go's Hash1: its documented example, worked by hand", () => {
    // sumdb/dirhash: SHA-256 over "%x  %s\n" of the sorted files.
    const expected = createHash('sha256')
      .update(`${'a'.repeat(64)}  p1/a\n${'b'.repeat(64)}  p1/b\n`)
      .digest('hex');
    assert.equal(dirHash1([file('p1:/b', { sha256: B }), file('p1:/a')]), `sha256:${expected}`);
  });

  it('leaves out what a rule rewrote, and all that is no regular file', () => {
    assert.equal(dirHash1(ENTRIES), dirHash1([file('p1:/b'), file('p1:/a/x')]));
  });
});

describe('the difference of two manifests', () => {
  const differences = (a: readonly ManifestEntry[], b: readonly ManifestEntry[]): object[] =>
    diffManifests(formatManifest(a, NORMALISER), formatManifest(b, NORMALISER)).map((each) => ({
      path: each.path,
      where: each.where,
      ...(each.where === 'both' ? { changes: each.changes } : {}),
    }));

  it('is empty for the same entries', () => {
    assert.deepEqual(differences(ENTRIES, ENTRIES), []);
  });

  it('names what only one has, sorted by path', () => {
    assert.deepEqual(differences([file('p1:/b'), file('p1:/c')], [file('p1:/a'), file('p1:/c')]), [
      { path: 'p1:/a', where: 'only-in-b' },
      { path: 'p1:/b', where: 'only-in-a' },
    ]);
  });

  const KINDS: readonly [string, ManifestEntry, ManifestEntry][] = [
    ['content', file('p1:/a'), file('p1:/a', { sha256: B })],
    ['size', file('p1:/a'), file('p1:/a', { sizeBytes: 4 })],
    ['mode', file('p1:/a'), file('p1:/a', { mode: 0o4755 })],
    ['owner', file('p1:/a'), file('p1:/a', { gid: 1 })],
    ['xattrs', file('p1:/a'), file('p1:/a', { xattrs: A })],
    ['hard-link', file('p1:/a'), file('p1:/a', { hardLinkOf: 'p1:/0' })],
    ['rule', file('p1:/a'), file('p1:/a', { rule: 'logs' })],
    ['kind', file('p1:/a'), { kind: 'directory', path: 'p1:/a', ...owned }],
    [
      'link-target',
      { kind: 'symlink', path: 'p1:/a', ...owned, linkTarget: 'x' },
      { kind: 'symlink', path: 'p1:/a', ...owned, linkTarget: 'y' },
    ],
    [
      'device',
      { kind: 'block', path: 'p1:/a', ...owned, device: [8, 0] },
      { kind: 'block', path: 'p1:/a', ...owned, device: [8, 1] },
    ],
    [
      'file-system',
      { kind: 'filesystem', path: 'disk:0+1', sizeBytes: 1, name: 'p1', type: 'ext4' },
      { kind: 'filesystem', path: 'disk:0+1', sizeBytes: 1, name: 'p1', type: 'vfat' },
    ],
  ];
  for (const [change, a, b] of KINDS) {
    it(`names a difference of ${change}`, () => {
      assert.deepEqual(differences([a], [b]), [{ path: a.path, where: 'both', changes: [change] }]);
    });
  }
});
