import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { RefusedError } from '../../src/errors.ts';
import { parseStrictJson } from '../../src/crypto/strict-json.ts';

const LIMITS = { maxBytes: 1000, maxDepth: 4 };
const parse = (text: string) => parseStrictJson(Buffer.from(text), LIMITS);

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    for (const text of [
      '{}',
      '[]',
      ' \t\r\n{ "a" : [ 1 , -2 , 0 , "x\\n\\u00e9\\uD83D\\uDE00\\/" , true , false , null ] } ',
      '"é"',
      '9007199254740991',
      '-9007199254740991',
      '{"constructor":1,"hasOwnProperty":2,"toString":3}',
    ]) {
      assert.deepEqual(parse(text), JSON.parse(text), text);
    }
  });

  it('gives plain objects whose keys are their own', () => {
    const value = parse('{"constructor":{"prototype":1}}');
    assert.ok(typeof value === 'object' && value !== null);
    assert.ok(Object.hasOwn(value, 'constructor'));
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  for (const [what, text, reason] of [
    ['nothing', '', /the text ends/],
    ['a key that stands twice', '{"a":1,"a":1}', /"a" stands twice/],
    ['a key that stands twice, and would harm a terminal', '{"\\u009b2J":1,"\\u009b2J":2}', /: the key stands twice/],
    ['a key that stands twice, once escaped', '{"a":1,"\\u0061":2}', /"a" stands twice/],
    ['__proto__', '{"__proto__":{"admin":true}}', /__proto__/],
    ['__proto__, escaped', '{"\\u005f_proto__":1}', /__proto__/],
    ['a fraction', '1.0', /only integers/],
    ['an exponent', '1e3', /only integers/],
    ['an unsafe integer', '9007199254740992', /2\^53/],
    ['a huge integer', '1'.repeat(400), /2\^53/],
    ['minus zero', '-0', /-0/],
    ['a leading zero', '01', /leading zero/],
    ['a lone minus', '-', /not a number/],
    ['NaN', 'NaN', /no value/],
    ['a string that is not NFC', '"e\u0301"', /NFC/],
    ['a string that is not NFC, by escapes', '"e\\u0301"', /NFC/],
    ['a lone surrogate, by an escape', '"\\ud800"', /well-formed/],
    ['a raw control character', '"a\u0001"', /raw control/],
    ['a raw line break in a string', '"a\nb"', /raw control/],
    ['an unknown escape', '"\\x41"', /escape/],
    ['an escape from the prototype', '"\\constructor"', /escape/],
    ['a short \\u escape', '"\\u12"', /four hex/],
    ['a string without end', '"abc', /does not end/],
    ['a string that ends in an escape', '"abc\\', /escape/],
    ['a byte order mark', '\ufeff{}', /no value/],
    ['Unicode white space', '\u00a0{}', /no value/],
    ['trailing data', '{} x', /follows after the end/],
    ['a second value', '{}{}', /follows after the end/],
    ['a NUL at the end', '{}\0', /follows after the end/],
    ['a trailing comma', '[1,]', /no value/],
    ['a trailing comma in an object', '{"a":1,}', /key should stand/],
    ['a missing colon', '{"a" 1}', /colon/],
    ['a missing comma', '[1 2]', /closing bracket/],
    ['single quotes', "{'a':1}", /key should stand/],
    ['a comment', '/* */1', /no value/],
    ['an object without end', '{"a":1', /closing brace/],
  ] as const) {
    it(`threat 16: refuses ${what}`, () => {
      assert.throws(() => parse(text), { code: 'crypto/bad-json', message: reason });
    });
  }

  it('threat 16: refuses invalid UTF-8', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0xaf, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xe2, 0x82],
    ]) {
      assert.throws(() => parseStrictJson(Uint8Array.from(bytes), LIMITS), {
        code: 'crypto/bad-json',
        message: /UTF-8/,
      });
    }
  });

  it('threat 16: reads to exactly the depth limit', () => {
    assert.deepEqual(parse('[[[[]]]]'), [[[[]]]]);
    assert.deepEqual(parse('{"a":{"a":{"a":{}}}}'), { a: { a: { a: {} } } });
    assert.throws(() => parse('[[[[[]]]]]'), { message: /more than 4 levels/ });
    assert.throws(() => parse('{"a":{"a":{"a":{"a":{}}}}}'), { message: /more than 4 levels/ });
  });

  it('threat 16: a hundred thousand brackets do not overflow the stack', () => {
    const deep = Buffer.from('['.repeat(100_000));
    assert.throws(() => parseStrictJson(deep, { maxBytes: 1e6, maxDepth: 32 }), { message: /levels deep/ });
  });

  it('threat 16: reads exactly the size limit, and refuses one byte more before decoding it', () => {
    const most = Buffer.from(`"${'a'.repeat(998)}"`);
    assert.equal(parseStrictJson(most, LIMITS), 'a'.repeat(998));
    assert.throws(() => parseStrictJson(Buffer.alloc(1001, 0xff), LIMITS), { code: 'crypto/json-too-large' });
  });

  it('agrees with JSON.parse about every text that it accepts (fuzzed)', () => {
    const limits = { maxBytes: 100_000, maxDepth: 32 };
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"',
      '\\',
      '1',
      '-',
      '0',
      '.',
      'e',
      'true',
      'null',
      ' ',
      '\\u0041',
      'é',
      '\u0000',
    );
    const noise = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(''));
    fc.assert(
      fc.property(fc.oneof(noise, fc.json(), fc.string()), (text) => {
        let value: unknown;
        try {
          value = parseStrictJson(Buffer.from(text), limits);
        } catch (error) {
          assert.ok(error instanceof RefusedError && error.code === 'crypto/bad-json', String(error));
          return;
        }
        assert.deepEqual(value, JSON.parse(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('accepts what JSON.parse accepts, where numbers are safe integers and strings NFC (fuzzed)', () => {
    const limits = { maxBytes: 1_000_000, maxDepth: 32 };
    const strict = fc
      .json({ depthSize: 'medium' })
      .filter((text) => !/[.eE+-]|\\u|\d{16}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""')));
    fc.assert(
      fc.property(strict, (text) => {
        fc.pre(text.normalize('NFC') === text && !text.includes('__proto__') && !text.includes('\\u'));
        assert.deepEqual(parseStrictJson(Buffer.from(text), limits), JSON.parse(text));
      }),
    );
  });
});
