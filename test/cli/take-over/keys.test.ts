import assert from 'node:assert/strict';
import { decodeKeys } from '../../../src/cli/take-over/keys.ts';
import { keyEvents } from '../../../src/workshop/input/index.ts';

const keys = (bytes: string) =>
  decodeKeys(bytes).inputs.map((one) => (one === 'hot-key' ? one : 'char' in one ? `'${one.char}'` : one.key));

describe('keys of a terminal', () => {
  it('are characters, and keys by their names', () => {
    assert.deepEqual(keys('aB ~é\r\t\u007f'), ["'a'", "'B'", "' '", "'~'", "'é'", 'enter', 'tab', 'backspace']);
    assert.deepEqual(keys('\u0003\u0001\u001a'), ['ctrl-c', 'ctrl-a', 'ctrl-z']);
    assert.deepEqual(keys('\u001d'), ['hot-key']);
  });

  it('are arrows, function keys and their kind, with modifiers', () => {
    assert.deepEqual(keys('\u001b[A\u001bOB\u001b[5~\u001b[3~\u001bOP\u001b[24~\u001b[Z'), [
      'up',
      'down',
      'pageup',
      'delete',
      'f1',
      'f12',
      'shift-tab',
    ]);
    assert.deepEqual(keys('\u001b[1;5D\u001b[1;2H'), ['ctrl-left', 'shift-home']);
    assert.deepEqual(keys('\u001bx\u001b'), ['alt-x', 'esc']);
    assert.deepEqual(keys('\u001b\u001b[A'), ['esc', 'up']);
  });

  it('wait for the end of a sequence that came in two parts, and type nothing of one that is unknown', () => {
    const first = decodeKeys('a\u001b[1;');
    assert.deepEqual(first, { inputs: [{ char: 'a' }], rest: '\u001b[1;' });
    assert.deepEqual(keys(`${first.rest}5C`), ['ctrl-right']);
    assert.deepEqual(keys('\u001b[?62c\u001b[200~b'), ["'b'"]);
  });

  it('are keys that the machine’s keyboard has', () => {
    for (let code = 1; code < 0x20; code += 1) {
      for (const key of keys(String.fromCharCode(code)))
        if (key !== 'hot-key') assert.ok(keyEvents(key).length > 0, key);
    }
  });
});
