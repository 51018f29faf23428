import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.ts';
import { KEYBOARDS, strokeOn, untypable, type KeyboardName } from '../../src/recipe/keyboards.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import schema from '../../src/recipe/recipe.schema.json' with { type: 'json' };
import { bindSecrets, resolveRecipe } from '../../src/recipe/resolve.ts';
import { keyboardAt } from '../../src/recipe/typable.ts';
import { recipeOf } from './fixtures.ts';

const ASCII = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));

/** What is printed on keyboards: written by hand, not made from the tables. `+` Shift, `^` AltGr, then QEMU's key. */
const PRINTED: Readonly<Partial<Record<KeyboardName, string>>> = {
  us: 'z:z @:+2 ":+apostrophe /:slash ~:+grave_accent <:+comma',
  gb: '@:+apostrophe ":+2 #:backslash ~:+backslash £:+3 \\:less |:+less',
  de: 'z:y y:z -:slash /:+7 @:^q \\:^minus {:^7 ~:^bracket_right <:less |:^less ü:bracket_left ß:minus',
  fr: 'a:q q:a z:w w:z m:semicolon 1:+1 &:1 -:6 /:+dot @:^0 \\:^8 .:+comma ;:comma',
  es: '/:+7 -:slash _:+slash \':minus ":+2 @:^2 |:^1 ñ:semicolon <:less',
};

describe('keyboard layouts', () => {
  it('are the same in the schema and in the tables', () => {
    assert.deepEqual(schema.$defs.keyboard.enum, KEYBOARDS);
  });

  for (const [layout, keys] of Object.entries(PRINTED)) {
    it(`type on ${layout} what is printed on its keys`, () => {
      for (const word of keys.split(' ')) {
        const [char, wanted] = [word.slice(0, 1), word.slice(2)];
        const stroke = strokeOn(layout as KeyboardName, char);
        assert.ok(stroke, char);
        assert.equal(`${stroke.shift ? '+' : ''}${stroke.altgr ? '^' : ''}${stroke.key}`, wanted, `${layout}: ${char}`);
      }
    });
  }

  it('have no two characters on one key that is held the same way', () => {
    for (const layout of KEYBOARDS) {
      const ways = ASCII.flatMap((char) => JSON.stringify(strokeOn(layout, char)) ?? []);
      assert.equal(new Set(ways).size, ways.length, layout);
      // Whatever a layout lacks of ASCII, it makes with dead keys.
      for (const char of ASCII) assert.ok(strokeOn(layout, char) ?? '^`~'.includes(char), `${layout}: ${char}`);
    }
  });

  it('say whether a character has no key, or only a dead one', () => {
    assert.equal(untypable('us', 'plain ~^` text'), undefined);
    assert.match(untypable('us', 'café') ?? '', /"us" has no key for "é" \(U\+00E9\)/);
    assert.match(untypable('de', 'a^b') ?? '', /only a dead key makes "\^" \(U\+005E\)/);
    assert.match(untypable('de', 'é') ?? '', /only a dead key makes "é"/);
    assert.match(untypable('de', '漢') ?? '', /has no key/);
    assert.equal(untypable('fr', 'é'), undefined);
  });
});

describe('the layout of a step', () => {
  const german = (steps: string, rest = ''): string =>
    recipeOf(steps, rest).replace('memory: 128M }', 'memory: 128M, keyboard: de }');
  const end = '  - { id: end, expect: { text: the end } }\n';

  it('is that of the machine, until a step sets another', () => {
    const text = `  - { id: a, do: [{ key: enter }], expect: { text: one } }
  - { id: b, do: [{ type: loadkeys us }, { key: enter }, { layout: us }], expect: { text: two } }
${end}`;
    const { recipe } = parseRecipe(german(text));
    assert.deepEqual(
      [0, 1, 2, 3].map((index) => keyboardAt(recipe, 'steps', index)),
      ['de', 'de', 'us', 'us'],
    );
    assert.equal(keyboardAt(recipe, 'personalise', 0), 'us');
    assert.equal(keyboardAt(parseRecipe(recipeOf(end)).recipe, 'steps', 0), 'us');
  });

  it('decides what lint finds untypable, and where', () => {
    const steps = `  - { id: a, do: [{ type: "ls ^x" }, { layout: us }, { type: "ls ^y" }], expect: { text: one } }\n${end}`;
    const found = lintRecipe(parseRecipe(german(steps))).filter(({ severity }) => severity === 'error');
    assert.equal(found.length, 1, JSON.stringify(found));
    assert.match(found[0]?.message ?? '', /cannot be typed: on the layout "de" only a dead key makes "\^"/);
    assert.deepEqual([found[0]?.step, found[0]?.line], ['a', 7]);
  });

  it('decides which keys there are, by lint and before anything is built', () => {
    const steps = (keys: string) => `  - { id: a, do: [${keys}], expect: { text: one } }\n${end}`;
    const good =
      '{ key: ctrl-alt-f2 }, { keys: [enter, "1", "-"] }, { hold: shift }, { release: shift }, { key: altgr }';
    const errors = (keys: string) =>
      lintRecipe(parseRecipe(german(steps(keys))))
        .filter(({ severity }) => severity === 'error')
        .map(({ message }) => message);
    assert.deepEqual(errors(good), []);
    assert.match(errors('{ key: entr }').join(), /there is no key "entr" on the layout "de"; did you mean "enter"\?/);
    for (const bad of ['{ keys: [up, dwon] }', '{ hold: hyper }', '{ key: ctrl-^ }', '{ key: A }']) {
      assert.equal(errors(bad).length, 1, bad);
      assert.throws(
        () => resolveRecipe(parseRecipe(german(steps(bad)))),
        (error) => error instanceof UsageError && error.code === 'recipe/untypable',
      );
    }
  });

  it('decides which parameters can be typed, before anything is built', () => {
    const steps = `  - { id: a, do: [{ type: "name {{name}}" }], expect: { text: one } }\n${end}`;
    const rest = 'params: { name: { type: string, default: x, summary: s } }\n';
    const checked = parseRecipe(german(steps, rest));
    assert.equal(resolveRecipe(checked, { name: 'jürgen' }).params['name'], 'jürgen');
    assert.throws(
      () => resolveRecipe(checked, { name: 'rené' }),
      (error) => error instanceof UsageError && error.code === 'recipe/untypable' && /step a .*"é"/.test(error.message),
    );
    assert.throws(
      () => resolveRecipe(parseRecipe(recipeOf(steps, rest)), { name: 'jürgen' }),
      (error) => error instanceof UsageError && error.code === 'recipe/untypable' && error.message.includes('"us"'),
    );
  });

  it('threat 39: refuses a secret that it cannot type, and does not say what is in it', () => {
    const rest = 'params: { word: { type: secret, summary: s } }\n';
    const personal =
      'personalise:\n  - { id: p, do: [{ type: "{{word}}", echo: false }, { key: enter }], expect: { text: ok } }\n';
    const resolved = resolveRecipe(parseRecipe(german(end, rest) + personal));
    assert.equal(bindSecrets(resolved, { word: 'grün' }).steps.length, 1);
    assert.throws(
      () => bindSecrets(resolved, { word: 'gr^n' }),
      (error) => {
        assert.ok(error instanceof UsageError && error.code === 'recipe/bad-parameter');
        assert.match(error.message, /word: .*layout "de" cannot type/);
        assert.ok(!JSON.stringify([error.message, error.facts, error.hint]).includes('^'));
        return true;
      },
    );
  });

  it('never depends on the branch that was taken', () => {
    const steps = `  - { id: a, first_of: [{ when: { text: one }, do: [{ layout: de }] }], expect: { text: two } }\n`;
    assert.throws(() => parseRecipe(recipeOf(steps)), /a layout cannot depend on a branch/);
  });
});
