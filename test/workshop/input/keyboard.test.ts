import assert from 'node:assert/strict';
import { UsageError } from '../../../src/errors.ts';
import { KEYBOARDS, strokeOn, type KeyboardName } from '../../../src/recipe/keyboards.ts';
import { holdEvents, keyEvents, releaseModifiers, textEvents } from '../../../src/workshop/input/keyboard.ts';
import { createPace, nextChunk, noteSuccess, slowDown } from '../../../src/workshop/input/pace.ts';
import { keyboardBytes } from '../../../src/workshop/machine/key-queue.ts';

/** `+shift a -shift`: presses and releases, a key that goes down and up at once by its name alone. */
function shorthand(events: readonly { key: string; down: boolean }[]): string {
  const words = events.map(({ key, down }) => `${down ? '+' : '-'}${key}`);
  return words.join(' ').replaceAll(/\+(\w+) -\1\b/g, '$1');
}

describe('a US keyboard', () => {
  const texts: readonly [string, string][] = [
    ['a1', 'a 1'],
    ['Ab', '+shift a -shift b'],
    ['AB!', '+shift a b 1 -shift'],
    ['/ ~', 'slash spc +shift grave_accent -shift'],
    [
      '{"x": \\|}',
      '+shift bracket_left apostrophe -shift x +shift apostrophe semicolon -shift spc backslash +shift backslash bracket_right -shift',
    ],
  ];
  for (const [text, events] of texts) {
    it(`types ${text}`, () => assert.equal(shorthand(textEvents(text)), events));
  }

  it('has a key for every printable ASCII character, and each stands for one only', () => {
    const ways = new Set<string>();
    for (let code = 0x20; code < 0x7f; code++) ways.add(shorthand(textEvents(String.fromCharCode(code))));
    assert.equal(ways.size, 95);
  });

  const keys: readonly [string, string][] = [
    ['enter', 'ret'],
    ['esc', 'esc'],
    ['space', 'spc'],
    ['pageup', 'pgup'],
    ['menu', 'compose'],
    ['F10', 'f10'],
    ['c', 'c'],
    ['ctrl-x', '+ctrl x -ctrl'],
    ['ctrl-alt-f2', '+ctrl +alt f2 -alt -ctrl'],
    ['ctrl--', '+ctrl minus -ctrl'],
    ['shift', 'shift'],
  ];
  for (const [name, events] of keys) {
    it(`presses ${name}`, () => assert.equal(shorthand(keyEvents(name)), events));
  }

  it('holds a chord and lets it go in the other order', () => {
    assert.equal(shorthand(holdEvents('ctrl-a', true)), '+ctrl +a');
    assert.equal(shorthand(holdEvents('ctrl-a', false)), '-a -ctrl');
  });

  it('lets go of modifiers between fields, and of Shift only after pressing it: a release alone means a new keyboard', () => {
    assert.equal(shorthand(releaseModifiers()), 'shift -ctrl -alt');
    assert.equal(shorthand(releaseModifiers('de')), 'shift -alt_r -ctrl -alt');
  });

  for (const name of ['entr', 'ctrl-', 'hyper-x', '', 'F13', 'A']) {
    it(`refuses the key name "${name}"`, () => {
      assert.throws(
        () => keyEvents(name),
        (error) => error instanceof UsageError && error.code === 'input/no-such-key',
      );
    });
  }

  it('refuses a character that it has no key for, and does not tell which: it may be part of a secret', () => {
    assert.throws(
      () => textEvents('caf\u00e9'),
      (error) =>
        error instanceof UsageError &&
        error.code === 'input/no-such-character' &&
        !/\u00e9|00E9/i.test(JSON.stringify([error.message, error.facts, error.hint])),
    );
  });
});

describe('other layouts', () => {
  it('hold AltGr and Shift as each character needs them, once for neighbours', () => {
    assert.equal(
      shorthand(textEvents('z@€Q~', 'de')),
      'y +alt_r q e -alt_r +shift q -shift +alt_r bracket_right -alt_r',
    );
    assert.equal(shorthand(textEvents('12&', 'fr')), '+shift 1 2 -shift 1');
  });

  const keys: readonly [KeyboardName, string, string][] = [
    ['de', 'ctrl-z', '+ctrl y -ctrl'],
    ['fr', 'ctrl-a', '+ctrl q -ctrl'],
    ['fr', '1', '+shift 1 -shift'],
    ['de', '@', '+alt_r q -alt_r'],
    ['de', 'enter', 'ret'],
    ['us', 'altgr-e', '+alt_r e -alt_r'],
  ];
  for (const [layout, name, events] of keys) {
    it(`press ${name} on ${layout} where that layout has it`, () => {
      assert.equal(shorthand(keyEvents(name, layout)), events);
    });
  }

  it('refuse a key that they make with a dead key only', () => {
    assert.throws(() => keyEvents('ctrl-^', 'de'), /no key named "ctrl-\^"/);
  });

  it('fit into the queue of a keyboard, whatever is typed', () => {
    for (const layout of KEYBOARDS) {
      const typable = Array.from({ length: 0x17f }, (_, code) => String.fromCharCode(code)).filter((char) =>
        strokeOn(layout, char),
      );
      for (const [index, char] of typable.entries()) {
        const text = char + (typable[(index * 7) % typable.length] ?? '') + char + char;
        const chunk = nextChunk(text, createPace(), false, layout);
        assert.ok(chunk.length > 0, `${layout}: ${char}`);
        assert.ok(keyboardBytes(textEvents(chunk, layout)) <= 14, `${layout}: ${chunk}`);
        assert.ok(textEvents(chunk, layout).length <= 16);
      }
    }
    assert.ok(keyboardBytes(releaseModifiers()) <= 16);
  });
});

describe('the pace of typing', () => {
  it('never sends more at once than a keyboard queue of 16 bytes holds', () => {
    for (const text of ['abcdefgh', 'AbCdEfGh', 'ABCDEFGH', '~!@#$%^&*()_+', 'a B c D']) {
      const chunk = nextChunk(text, createPace());
      assert.ok(chunk.length > 0 && chunk.length <= 4 && text.startsWith(chunk));
      assert.ok(keyboardBytes(textEvents(chunk)) <= 16, `${chunk}: ${keyboardBytes(textEvents(chunk))}`);
    }
  });

  it('ends a chunk before a blank, which could not be seen, but not the text', () => {
    assert.equal(nextChunk('abc def', createPace()), 'abc');
    assert.equal(nextChunk(' def', createPace()), ' def');
    assert.equal(nextChunk('ab ', createPace()), 'ab ');
    assert.equal(nextChunk('     x', createPace()), '    ');
    const slow = createPace();
    for (let count = 0; count < 3; count++) slowDown(slow);
    assert.equal(nextChunk('abc', slow), 'a');
    assert.equal(nextChunk('  bc', slow), '  b');
  });

  it('slows down to one key at a time, and comes back after a run of good echoes', () => {
    const pace = createPace();
    slowDown(pace);
    slowDown(pace);
    assert.equal(pace.inFlight, 1);
    assert.ok(pace.gapMs >= 10);
    for (let count = 0; count < 100; count++) noteSuccess(pace);
    assert.deepEqual([pace.inFlight, pace.gapMs], [4, 0]);
  });
});
