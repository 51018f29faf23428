import assert from 'node:assert/strict';
import {
  actName,
  actsOf,
  conditionName,
  conditionsOf,
  describeAct,
  describeCondition,
  eachCondition,
  matchesAnything,
  textsMentioned,
} from '../../src/recipe/conditions.ts';
import { durationMs, parseDuration } from '../../src/recipe/duration.ts';
import { nearestName, printable } from '../../src/recipe/problems.ts';
import { compileRegex, regexMatchesAnything } from '../../src/recipe/regex.ts';
import { UsageError } from '../../src/errors.ts';
import type { Act, Condition } from '../../src/recipe/types.ts';
import { sample } from './fixtures.ts';

const CONDITIONS: readonly (readonly [Condition, string, readonly string[]])[] = [
  [{ text: 'Select' }, 'the text "Select"', ['Select']],
  [{ text: { regex: 'a+', style: 'inverse' } }, 'text like /a+/ highlighted', []],
  [{ text: { string: 'abc', line: -1 } }, 'the text "abc" on row -1', ['abc']],
  [{ text: { string: 'abc', area: [0, 1, 10, 2] } }, 'the text "abc" within columns 0 to 9, rows 1 to 2', ['abc']],
  [{ serial: 'login' }, '"login" on the serial console', ['login']],
  [{ serial: { regex: 'x' } }, 'text like /x/ on the serial console', []],
  [{ gone: { text: 'Wait' } }, 'the text "Wait" gone', []],
  [{ not: { text: 'Wait' } }, 'no sign of the text "Wait"', []],
  [{ still: '5s' }, 'a screen that is still for 5s', []],
  [{ changed: true }, 'any change of the screen', []],
  [{ event: 'shutdown' }, 'the machine switched off', []],
  [{ any: [{ text: 'one' }, { text: 'two' }] }, 'the text "one", or the text "two"', ['one', 'two']],
  [{ all: [{ text: 'one' }, { gone: { text: 'two' } }] }, 'the text "one", and the text "two" gone', ['one']],
];

const ACTS: readonly (readonly [Act, string, string])[] = [
  [{ type: 'ls' }, 'type', 'type "ls"'],
  [{ type: 'x', clear: true, echo: false }, 'type', 'type "x" in place of what is there (not shown)'],
  [{ key: 'enter' }, 'key', 'press enter'],
  [{ keys: ['up', 'down'] }, 'keys', 'press up, down'],
  [{ hold: 'shift' }, 'hold', 'hold shift down'],
  [{ release: 'shift' }, 'release', 'release shift'],
  [{ menu: 'English' }, 'menu', 'choose "English"'],
  [{ key: 'down', until: { text: 'Other' } }, 'key', 'press down, at most 20 times, until there is the text "Other"'],
  [{ check: 'SSH' }, 'check', 'tick "SSH"'],
  [{ uncheck: 'GNOME' }, 'uncheck', 'untick "GNOME"'],
  [{ click: { text: 'OK' } }, 'click', 'click on the text "OK"'],
  [{ click: { at: [3, 4] }, button: 'right' }, 'click', 'click the right button at 3, 4'],
  [
    { double_click: { text: { regex: 'a.c', line: 2 }, offset: [5, -6] } },
    'double_click',
    'double-click on text like /a.c/ on row 2, 5 pixels to the right and -6 down',
  ],
  [{ move: { at: [0, 0] } }, 'move', 'hover at 0, 0'],
  [
    { drag: { from: { text: 'a' }, to: { at: [1, 2] } } },
    'drag',
    'press the button on the text "a", drag, let go at 1, 2',
  ],
  [{ layout: 'de' }, 'layout', 'type on the keyboard layout "de" from here on'],
  [{ serial: 'root\n' }, 'serial', 'write "root\\n" to the serial console'],
  [{ power: 'off' }, 'power', 'switch the machine off'],
  [{ power: 'reset' }, 'power', 'reset the machine'],
];

describe('conditions and acts', () => {
  it('are said in words', () => {
    for (const [condition, words, texts] of CONDITIONS) {
      assert.equal(describeCondition(condition), words);
      assert.deepEqual(textsMentioned(condition), texts);
      assert.ok(Object.hasOwn(condition, conditionName(condition)));
    }
    for (const [act, name, words] of ACTS) assert.deepEqual([actName(act), describeAct(act)], [name, words]);
  });

  it('are found in every part of a step', () => {
    const step = sample().recipe.steps[2];
    assert.ok(step);
    assert.deepEqual(
      conditionsOf(step).map(({ where }) => where),
      ['first_of[0].when', 'first_of[1].when', 'expect'],
    );
    assert.deepEqual(actsOf(step), [{ menu: 'No' }, { menu: 'Guided' }]);
    assert.equal(eachCondition({ all: [{ text: 'a' }, { not: { text: 'b' } }] }).length, 4);
  });
});

describe('a condition that says nothing', () => {
  const vague = [
    '.*',
    '.',
    '',
    'x*',
    '[a-z]',
    '\\w+',
    '(foo|)',
    '[^q]',
    '.+ .+',
    '(?i)[a-z]{3}',
    'e|o',
    '\\s\\S',
    '(?s).{10}',
  ];
  for (const regex of vague) it(`is /${regex}/`, () => assert.ok(regexMatchesAnything(regex)));
  const telling = [
    'grub>',
    'Select .* location',
    '^login:',
    '[0-9]+ of 5 done',
    'GNU GRUB +version',
    '(Yes|No) to continue',
  ];
  for (const regex of telling) it(`is not /${regex}/`, () => assert.ok(!regexMatchesAnything(regex)));

  it('may be hidden in any and all', () => {
    assert.ok(matchesAnything({ any: [{ text: 'telling' }, { still: '1s' }] }));
    assert.ok(!matchesAnything({ all: [{ text: 'telling' }, { still: '1s' }] }));
    assert.ok(matchesAnything({ all: [{ text: 'x' }, { still: '1s' }] }));
    assert.ok(!matchesAnything({ event: 'shutdown' }));
  });
});

describe('regular expressions', () => {
  it('run in linear time on what hangs a backtracking engine', () => {
    const compiled = compileRegex('^(a+)+$');
    // 2^40000 steps elsewhere: that this returns at all is the test.
    assert.ok(compiled.ok && !compiled.regex.matcher(`${'a'.repeat(40_000)}!`).find());
  });
});

describe('durations', () => {
  it('are an integer and a unit', () => {
    assert.deepEqual(['1ms', '500ms', '60s', '30m', '24h'].map(durationMs), [1, 500, 60_000, 1_800_000, 86_400_000]);
    for (const text of ['', '5', '0s', '1.5s', '-1s', '1d', '25h', '86400001ms', '1s ', '９s', '1e3s'])
      assert.equal(parseDuration(text), undefined, text);
    assert.throws(
      () => durationMs('soon'),
      (error: unknown) => error instanceof UsageError && error.code === 'recipe/bad-duration',
    );
  });
});

describe('problems', () => {
  it('guess what was meant, but not wildly', () => {
    assert.equal(nearestName('epxect', ['expect', 'retries']), 'expect');
    assert.equal(nearestName('Expect', ['expect']), 'expect');
    assert.equal(nearestName('sleep', ['expect', 'when']), undefined);
    assert.equal(nearestName('do', ['id', 'to']), 'to');
  });

  it('never show a terminal what could drive it', () => {
    assert.equal(printable('a\u001b[2Jb'), '"a\\u001b[2Jb"');
    assert.equal(printable('a\u202eb\u009b'), '"a\\u{202e}b\\u{9b}"');
    assert.equal(printable('x'.repeat(200)).length, 58);
  });
});
