import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { decodeBase64, encodeBase64 } from '../../src/crypto/base64.ts';
import { canonicalJson, digestOf } from '../../src/crypto/canonical.ts';
import { isSafeLine, isSafeName } from '../../src/crypto/text.ts';
import { sha256 } from '../../src/crypto/digest.ts';

describe('strict base64', () => {
  it('gives back what went in, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes)));
  });

  it('agrees with the vectors of RFC 4648, section 10', () => {
    for (const [plain, text] of [
      ['', ''],
      ['f', 'Zg=='],
      ['fo', 'Zm8='],
      ['foo', 'Zm9v'],
      ['foob', 'Zm9vYg=='],
      ['fooba', 'Zm9vYmE='],
      ['foobar', 'Zm9vYmFy'],
    ] as const) {
      assert.equal(encodeBase64(Buffer.from(plain)), text);
      assert.deepEqual(decodeBase64(text), Uint8Array.from(Buffer.from(plain)));
    }
  });

  for (const [what, text] of [
    ['missing padding', 'Zg'],
    ['too much padding', 'Zg==='],
    ['padding in the middle', 'Zg==Zg=='],
    ['stray bits before the padding', 'Zh=='],
    ['a line break', 'Zm9v\nYmFy'],
    ['a line break at the end', 'Zm9v\n'],
    ['a blank', 'Zm9v '],
    ['the URL alphabet', '-_-_'],
    ['one character', 'Z'],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => decodeBase64(text), { code: 'crypto/bad-base64' }));
  }
});

describe('canonical JSON', () => {
  it('does not depend on the order in which keys were set, and sorts by UTF-16 code units (RFC 8785, 3.2.3)', () => {
    assert.equal(
      canonicalJson({ b: 1, a: [true, null, 'x'], '\u20ac': 2, '\r': 3 }),
      '{"\\r":3,"a":[true,null,"x"],"b":1,"€":2}',
    );
    assert.equal(canonicalJson({ a: 1, b: 2 }), canonicalJson({ b: 2, a: 1 }));
  });

  it('names a value by the SHA-256 of that text', () =>
    assert.equal(digestOf({ b: 1, a: 2 }), sha256('{"a":2,"b":1}')));

  it('is a text that strict readers read back to the same value', () => {
    const safe = fc.maxSafeInteger().filter((n) => !Object.is(n, -0));
    const text = fc.string({ unit: 'grapheme' }).map((s) => s.normalize('NFC'));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        safe,
        text,
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 4, noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(fc.property(value, (input) => assert.deepEqual(JSON.parse(canonicalJson(input)), input)));
  });

  for (const [what, value, at] of [
    ['a fraction', { a: [1.5] }, '$.a[0]'],
    ['an unsafe integer', { a: 2 ** 53 }, '$.a'],
    ['minus zero', -0, '$'],
    ['NaN', Number.NaN, '$'],
    ['infinity', [Infinity], '$[0]'],
    ['undefined in an object', { a: undefined }, '$.a'],
    ['undefined in an array', [undefined], '$[0]'],
    ['a hole in an array', Array.from({ length: 2 }).fill(1, 1).concat([]), '$[0]'],
    ['undefined alone', undefined, '$'],
    ['a string that is not NFC', { a: 'e\u0301' }, '$.a'],
    ['a key that is not NFC', { 'e\u0301': 1 }, '$'],
    ['a lone surrogate', 'a\ud800', '$'],
    ['a lone low surrogate', '\udc00a', '$'],
    ['a bigint', 1n, '$'],
    ['a function', { toJSON: () => 1 }, '$.toJSON'],
    ['a symbol', { a: Symbol('x') }, '$.a'],
    ['a date', new Date(0), '$'],
    ['a map', new Map(), '$'],
    ['bytes', Buffer.of(1), '$'],
    ['an own __proto__', JSON.parse('{"__proto__":{}}') as unknown, '$'],
  ] as const) {
    it(`refuses ${what} and says where`, () => {
      assert.throws(() => canonicalJson(value), { code: 'crypto/not-canonical', facts: { path: at } });
    });
  }

  it('refuses a value that goes on without end, before it overflows the stack', () => {
    const ring: Record<string, unknown> = {};
    ring['self'] = ring;
    assert.throws(() => canonicalJson(ring), { code: 'crypto/not-canonical', message: /levels deep/ });
  });
});

describe('threat 36: text for one line', () => {
  it('takes ordinary names in any script', () => {
    for (const name of ['debian-12-tiny', 'Zoë', '東京', 'مثال', 'a b']) assert.ok(isSafeName(name, 100), name);
  });

  for (const [what, text] of [
    ['an escape sequence', 'a\u001b[2Jb'],
    ['a line break', 'a\nb'],
    ['a C1 control', 'a\u009bb'],
    ['a line separator', 'a\u2028b'],
    ['a right-to-left override', 'a\u202eb'],
    ['a bidi isolate', 'a\u2066b'],
    ['a string that is not NFC', 'e\u0301'],
    ['a lone surrogate', 'a\ud800'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.equal(isSafeLine(text, 100), false);
      assert.equal(isSafeName(text, 100), false);
    });
  }

  it('refuses in a name what cannot be seen, and blanks at its ends', () => {
    for (const name of ['', ' a', 'a ', 'a\u200bb', 'a\u00adb', '\ufeffa']) assert.equal(isSafeName(name, 100), false);
    assert.ok(isSafeLine('می\u200cخواهم', 100), 'Persian needs the zero-width non-joiner in a sentence');
  });

  it('takes the longest length allowed and not one more', () => {
    assert.ok(isSafeName('a'.repeat(10), 10));
    assert.equal(isSafeName('a'.repeat(11), 10), false);
  });
});
