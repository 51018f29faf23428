/** What a recipe may say about keyboard and pointer: read, linted, described, and judged when somebody changes it. */
import assert from 'node:assert/strict';
import { classOf } from '../../src/recipe/classify.ts';
import { usesPointer } from '../../src/recipe/conditions.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { resolveRecipe } from '../../src/recipe/resolve.ts';
import type { Act, ChangeClass } from '../../src/recipe/types.ts';
import { recipeOf, replace } from './fixtures.ts';

const END = '  - { id: end, expect: { text: the end } }\n';
const acting = (acts: string, rest = ''): string =>
  recipeOf(`  - { id: a, when: { text: Welcome }, do: [${acts}], expect: { text: after } }\n${END}`, rest);

describe('what a recipe says about hands', () => {
  const good = [
    '{ click: { text: Continue } }',
    '{ click: { text: { string: Continue, style: inverse }, offset: [0, -20] }, button: right }',
    '{ double_click: { at: [512, 384] } }',
    '{ drag: { from: { text: File }, to: { at: [10, 10], offset: [1, 1] } } }',
    '{ move: { at: [0, 0] } }',
    '{ key: down, until: { text: { string: Other, style: inverse } }, at_most: 30 }',
    '{ check: SSH server }, { uncheck: GNOME }',
    '{ layout: de }',
  ];
  for (const acts of good) {
    it(`takes ${acts}`, () => assert.deepEqual(lintRecipe(parseRecipe(acting(acts))), []));
  }

  const bad: readonly (readonly [string, RegExp])[] = [
    ['{ click: Continue }', /found "Continue", expected a mapping/],
    ['{ click: { at: [1, 2], text: x } }', /found at and text, expected exactly one of at, text/],
    ['{ click: { at: [1] } }', /found .*, expected at least 2/],
    ['{ click: { at: [1, 2], needle: x } }', /expected exactly one of at, text, needle/],
    ['{ click: { needle: nobody } }', /there is no needle "nobody"/],
    ['{ click: { text: { regex: "(" } } }', /click\.text\.regex: the regular expression/],
    [
      '{ drag: { from: { at: [1, 2] }, to: { text: "{{nobody}}" } } }',
      /drag\.to\.text: \{\{nobody\}\} is not a parameter/,
    ],
    ['{ drag: { from: { at: [1, 2] } } }', /the field "to" is missing/],
    ['{ key: enter, button: left }', /"button" goes with click and double_click only/],
    ['{ menu: x, until: { text: abc } }', /"until" goes with key only/],
    ['{ key: down, at_most: 3 }', /"at_most" needs an "until"/],
    ['{ key: down, until: { text: abc }, at_most: 201 }', /expected at most 200/],
    ['{ key: down, until: { text: { regex: "(" } } }', /until\.text\.regex: the regular expression/],
    ['{ check: "{{nobody}}" }', /is not a parameter/],
    ['{ layout: klingon }', /expected one of us, gb/],
  ];
  for (const [acts, message] of bad) {
    it(`refuses ${acts}`, () => assert.throws(() => parseRecipe(acting(acts)), message));
  }

  it('gives every place and bound its parameters', () => {
    const acts =
      '{ click: { text: "{{w}}" } }, { check: "{{w}}" }, { uncheck: "{{w}}" }, { move: { text: { regex: "{{w}}$" } } }, ' +
      '{ drag: { from: { text: "{{w}}" }, to: { text: "{{w}}" } } }, { double_click: { text: "{{w}}" } }, ' +
      '{ key: down, until: { text: "{{w}}" } }';
    const rest = 'params: { w: { type: string, default: "a.b", summary: s } }\n';
    const acts1 = JSON.stringify(resolveRecipe(parseRecipe(acting(acts, rest))).recipe.steps[0]?.do);
    assert.ok(!acts1.includes('{{'), acts1);
    assert.equal(acts1.split('a.b').length, 8, acts1);
    assert.ok(acts1.includes(String.raw`a\\.b$`), acts1);
  });

  it('needs a pointer only where something is pointed at', () => {
    const { recipe } = parseRecipe(acting('{ menu: x }, { key: enter }, { check: y }'));
    assert.equal(usesPointer(recipe, 'steps'), false);
    const pointing = parseRecipe(acting('{ move: { at: [1, 1] } }')).recipe;
    assert.deepEqual([usesPointer(pointing, 'steps'), usesPointer(pointing, 'personalise')], [true, false]);
  });
});

describe('lint, about hands', () => {
  const findings = (source: string) =>
    lintRecipe(parseRecipe(source)).map(({ severity, message }) => `${severity}: ${message}`);

  it('finds a key that stays down, and no fault with one that is released later', () => {
    assert.deepEqual(findings(acting('{ hold: shift }')), [
      'warning: the step holds shift down, and nothing releases it',
    ]);
    assert.deepEqual(findings(acting('{ hold: shift }, { key: f8 }, { release: shift }')), []);
  });

  it('finds a key that is pressed until anything is seen', () => {
    const [found, ...others] = findings(acting('{ key: down, until: { text: { regex: ".*" } } }'));
    assert.match(found ?? '', /^error: it presses down until something that holds on almost any screen/);
    assert.deepEqual(others, []);
  });

  it('finds a point that nobody has looked at', () => {
    const blind = recipeOf(`  - { id: a, do: [{ click: { at: [1, 2] } }], expect: { text: after } }\n${END}`);
    assert.match(findings(blind).join(), /warning: the step points at a place of the screen before it looks/);
    assert.deepEqual(findings(blind.replace('at: [1, 2]', 'text: Continue')), []);
    assert.deepEqual(findings(acting('{ click: { at: [1, 2] } }')), []);
  });
});

describe('the class of a change of hands', () => {
  const cases: readonly (readonly [ChangeClass, string, readonly Act[]])[] = [
    ['choices', '{ click: { text: Yes } }', [{ click: { text: 'No' } }]],
    ['choices', '{ double_click: { text: Yes } }', [{ double_click: { text: { string: 'No', line: 3 } } }]],
    ['choices', '{ check: SSH server }', [{ check: 'Web server' }]],
    ['choices', '{ check: SSH server }', [{ uncheck: 'SSH server' }]],
    ['sends', '{ click: { text: Yes } }', [{ click: { at: [1, 2] } }]],
    ['sends', '{ click: { at: [3, 4] } }', [{ click: { at: [1, 2] } }]],
    ['sends', '{ click: { text: Yes } }', [{ click: { text: 'Yes', offset: [0, 40] } }]],
    ['sends', '{ click: { text: Yes } }', [{ click: { text: 'Yes' }, button: 'right' }]],
    ['sends', '{ click: { text: Yes } }', [{ double_click: { text: 'Yes' } }]],
    ['sends', '{ click: { text: Yes } }', [{ click: { text: { regex: '.' } } }]],
    ['sends', '{ move: { text: Yes } }', [{ move: { text: 'No' } }]],
    ['sends', '{ menu: Yes }', [{ check: 'Yes' }]],
    ['sends', '{ key: down }', [{ key: 'down', until: { text: 'Format' } }]],
    ['sends', '{ key: down, until: { text: Keep } }', [{ key: 'down', until: { text: 'Format' } }]],
    ['sends', '{ layout: de }', [{ layout: 'us' }]],
  ];
  for (const [expected, before, after] of cases) {
    it(`${expected}: ${before} becomes ${JSON.stringify(after)}`, () => {
      const base = parseRecipe(acting(before));
      assert.equal(classOf(base, [replace(base, 'a', { do: after })]), expected);
    });
  }

  it('is no choice where the screen is another one too', () => {
    const base = parseRecipe(acting('{ click: { text: Yes } }'));
    const change = replace(base, 'a', { when: { text: 'Erase everything?' }, do: [{ click: { text: 'No' } }] });
    assert.equal(classOf(base, [change]), 'sends');
  });

  const between: readonly Act[] = [
    { layout: 'us' },
    { hold: 'shift' },
    { move: { at: [1, 1] } },
    { key: 'shift' },
    { key: 'end' },
  ];
  for (const act of between) {
    it(`is authority where a text confirms itself, with ${JSON.stringify(act)} in the middle of it`, () => {
      const base = parseRecipe(acting('{ type: make }'));
      const change = replace(base, 'a', {
        do: [{ type: 'echo all is' }, act, { type: ' done' }],
        expect: { text: 'all is done' },
      });
      assert.equal(classOf(base, [change]), 'authority');
    });
  }
});
