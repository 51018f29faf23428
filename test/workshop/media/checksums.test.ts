import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { PortalgunError } from '../../../src/errors.ts';
import { signedFile } from '../../../src/workshop/media/checksums.ts';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];
const LONG = 'c'.repeat(128);

describe('lists of checksums', () => {
  it('are read in the forms of Debian, Ubuntu, Fedora and OpenBSD', () => {
    const forms: Record<string, string> = {
      'sha256sum, text': `${A}  one.iso\n${B}  two.iso\n`,
      'sha256sum, binary': `${A} *one.iso\n${B} *two.iso\n`,
      'sha256sum, in its folder': `${A}  ./one.iso\n`,
      BSD: `SHA256 (one.iso) = ${A}\nSHA256 (two.iso) = ${B}\n`,
      'beside weaker ones': `MD5 (one.iso) = ${'d'.repeat(32)}\nSHA256 (one.iso) = ${A}\n`,
      'without an end': `${A}  one.iso`,
      'said twice': `${A}  one.iso\n${A}  one.iso\n`,
    };
    for (const [what, text] of Object.entries(forms)) {
      assert.deepEqual(
        signedFile(text, 'one.iso', 'x'),
        { name: 'one.iso', digests: { sha256: A }, sizeBytes: undefined },
        what,
      );
    }
    assert.deepEqual(signedFile(`${LONG}  one.iso\nSHA256 (one.iso) = ${A}\n`, 'one.iso', 'x').digests, {
      sha256: A,
      sha512: LONG,
    });
    const fedora = `# Fedora-Server-1.iso: 2295853056 bytes\nSHA256 (Fedora-Server-1.iso) = ${A}\n`;
    assert.equal(signedFile(fedora, 'Fedora-Server-1.iso', 'x').sizeBytes, 2_295_853_056);
  });

  const spoiled: Record<string, string> = {
    'a line that is none': `${A}  one.iso\nsome words\n`,
    'two digests of one file': `${A}  one.iso\n${B}  one.iso\n`,
    'two digests of one file in two forms': `${A}  one.iso\nSHA256 (one.iso) = ${B}\n`,
    'two digests of one file, once in its folder': `${A}  one.iso\n${B}  ./one.iso\n`,
    'two sizes': `# one.iso: 1 bytes\n# one.iso: 2 bytes\n${A}  one.iso\n`,
    'a path that leads up': `${A}  one.iso\n${B}  ../../etc/passwd\n`,
    'a path in the middle that leads up': `${A}  one.iso\n${B}  a/../one.iso\n`,
    'an absolute path': `${A}  one.iso\n${B}  /etc/passwd\n`,
    'an escaped name': `${A}  one.iso\n\\${B}  two\\\\n.iso\n`,
    'a backslash': `${A}  one.iso\n${B}  ..\\one.iso\n`,
    'a name that ends with a blank': `${A}  one.iso\n${B}  two.iso \n`,
    CRLF: `${A}  one.iso\r\n`,
    'a lone CR': `${A}  one.iso\n${B}  two\rone.iso\n`,
    NUL: `${A}  one.iso\n${B}  one.iso\0x\n`,
    'a line separator': `${A}  one.iso\u2028${B}  one.iso\n`,
    'upper-case hex': `${A}  one.iso\n${B.toUpperCase()}  two.iso\n`,
    'a digest of a wrong length': `SHA256 (one.iso) = ${LONG}\n`,
    'a comment that hides a line': `${A}  one.iso\n #${B}  one.iso\n`,
  };
  for (const [what, text] of Object.entries(spoiled)) {
    it(`are refused as a whole: ${what}`, () => {
      assert.throws(() => signedFile(text, 'one.iso', 'the list'), { code: 'media/checksums-malformed', exitCode: 3 });
    });
  }

  it('that do not have the file, or only a weak digest of it, say so', () => {
    for (const text of [
      `${A}  two.iso\n`,
      `MD5 (one.iso) = ${'d'.repeat(32)}\n`,
      `${'d'.repeat(40)}  one.iso\n`,
      '\n',
    ]) {
      assert.throws(() => signedFile(text, 'one.iso', 'the list'), { code: 'media/not-in-checksums' });
    }
    // The end of a longer name is not the name.
    assert.throws(() => signedFile(`${A}  not-one.iso\n`, 'one.iso', 'x'), { code: 'media/not-in-checksums' });
    assert.throws(() => signedFile(`${A}  folder/one.iso\n`, 'one.iso', 'x'), { code: 'media/not-in-checksums' });
  });

  it('never give a digest that is not in the text, whatever the text', () => {
    const pieces = fc.constantFrom(
      A,
      B,
      LONG,
      '  ',
      ' *',
      ' ',
      'one.iso',
      './',
      '\n',
      'SHA256 (',
      ') = ',
      '#',
      '..',
      '\r',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        try {
          const { digests } = signedFile(text, 'one.iso', 'x');
          for (const digest of Object.values(digests)) {
            const lines = text.split('\n').filter((line) => line.includes(digest) && line.includes('one.iso'));
            assert.notEqual(lines.length, 0);
          }
        } catch (error) {
          assert(error instanceof PortalgunError);
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });
});
