import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.ts';
import { compileRegex } from '../../src/recipe/regex.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { bindSecrets, originalStep, resolveRecipe, secretsNeeded } from '../../src/recipe/resolve.ts';
import { recipeOf, sample, sampleWith } from './fixtures.ts';

function refusal(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error;
  }
  return assert.fail('it was accepted');
}

const WITH_ALL = parseRecipe(
  recipeOf(
    '  - { id: a, do: [{ type: "n={{count}} {{ on }}" }], expect: { text: { regex: "^{{dots}}$" } } }\n',
    'params: { count: { type: integer, default: 1 }, on: { type: boolean, default: true }, dots: { type: string, summary: Some dots } }\n',
  ),
);

describe('resolveRecipe', () => {
  it('puts defaults and given values where the recipe names them, and leaves secrets as they are', () => {
    const { recipe, params } = resolveRecipe(sample(), { hostname: 'other' });
    assert.deepEqual(recipe.steps[1]?.do?.[0], { type: 'other', clear: true });
    assert.deepEqual(params, { hostname: 'other' });
    assert.deepEqual(recipe.personalise?.[0]?.do?.[0], { type: 'passwd {{root_password}}', echo: false });
    assert.deepEqual(resolveRecipe(sample()).params, { hostname: 'portal' });
  });

  it('takes text for every type, as a command line gives it', () => {
    const { recipe, params } = resolveRecipe(WITH_ALL, { count: '5', on: 'false', dots: '...' });
    assert.deepEqual(params, { count: 5, on: false, dots: '...' });
    assert.deepEqual(recipe.steps[0]?.do, [{ type: 'n=5 false' }]);
  });

  it('lets a value stand for itself inside a regular expression', () => {
    const step = resolveRecipe(WITH_ALL, { dots: '.*' }).recipe.steps[0];
    const regex =
      step?.expect && 'text' in step.expect && typeof step.expect.text === 'object'
        ? step.expect.text.regex
        : undefined;
    const compiled = compileRegex(regex ?? assert.fail());
    assert.ok(compiled.ok && compiled.regex.matcher('.*').find() && !compiled.regex.matcher('abc').find());
  });

  it('writes values into served files as the files have them, and leaves literal ones alone', () => {
    const value = `a'b"c<d`;
    const content = (rest: string): unknown => {
      const steps = `  - { id: a, do: [{ serve: { file: f, content: "v={{word}}", ${rest} } }], expect: { fetched: f } }\n`;
      const checked = parseRecipe(recipeOf(steps, 'params: { word: { type: string } }\n'));
      const [act] = resolveRecipe(checked, { word: value }).recipe.steps[0]?.do ?? [];
      return act && 'serve' in act && act.serve.content;
    };
    assert.equal(content('escape: none'), `v=${value}`);
    assert.equal(content('escape: json'), String.raw`v=a'b\"c<d`);
    assert.equal(content('escape: shell'), String.raw`v='a'\''b"c<d'`);
    assert.equal(content('escape: xml'), 'v=a&#39;b&#34;c&#60;d');
    assert.equal(content('literal: true'), 'v={{word}}');
  });

  it('has one digest for one set of values, however they were given', () => {
    assert.equal(resolveRecipe(sample()).digest, resolveRecipe(sample(), { hostname: 'portal' }).digest);
    assert.equal(
      resolveRecipe(sample()).digest,
      resolveRecipe(parseRecipe(sampleWith('default: portal', 'default: x')), { hostname: 'portal' }).digest,
    );
    assert.notEqual(resolveRecipe(sample()).digest, resolveRecipe(sample(), { hostname: 'other' }).digest);
  });

  it('names every parameter that is unknown, missing or does not fit, at once', () => {
    const error = refusal(() => resolveRecipe(WITH_ALL, { cout: 1, on: 'maybe', count: 'x' }));
    assert.equal(error.code, 'recipe/bad-parameter');
    assert.deepEqual(error.facts['problems'], [
      'cout: this recipe has no such parameter; did you mean "count"?',
      'count: found "x", expected an integer',
      'on: found "maybe", expected true or false',
      'dots (Some dots): it is missing, and has no default',
    ]);
  });

  const unfit: readonly (readonly [string, string, RegExp])[] = [
    ['does not match its pattern', 'Portal', /does not match the pattern/],
    ['matches its pattern only in part', 'abc def', /does not match the pattern/],
    ['holds a line break', 'a\nb', /does not match|not one line/],
    ['is of another name', '{{root_password}}', /./],
  ];
  for (const [what, hostname, expected] of unfit) {
    it(`refuses a value that ${what}`, () =>
      assert.match(refusal(() => resolveRecipe(sample(), { hostname })).message, expected));
  }

  it('refuses values that a keyboard cannot type on one line, or that would be read as placeholders', () => {
    for (const dots of ['a\u0007', '\u202ex', 'x'.repeat(1001), '{{count}}']) {
      assert.match(refusal(() => resolveRecipe(WITH_ALL, { dots })).message, /not one line|holds "\{\{"/);
    }
  });

  it('does not take a secret as a public parameter', () => {
    assert.match(
      refusal(() => resolveRecipe(sample(), { root_password: 'hunter2' })).message,
      /root_password: it is a secret/,
    );
  });

  it('finds the step as its author wrote it', () => {
    assert.deepEqual(originalStep(resolveRecipe(sample()), 'hostname')?.do?.[0], { type: '{{hostname}}', clear: true });
    assert.equal(originalStep(resolveRecipe(sample()), 'password')?.id, 'password');
    assert.equal(originalStep(resolveRecipe(sample()), 'nowhere'), undefined);
  });
});

describe('bindSecrets', () => {
  it('binds them in personalise, and masks them in whatever is shown', () => {
    const resolved = resolveRecipe(sample());
    assert.deepEqual(secretsNeeded(resolved), ['root_password']);
    const { steps, mask } = bindSecrets(resolved, { root_password: 'hunter2' });
    assert.deepEqual(steps[0]?.do?.[0], { type: 'passwd hunter2', echo: false });
    assert.equal(mask('typed: passwd hunter2, hunter2'), 'typed: passwd •••, •••');
    assert.ok(!JSON.stringify(resolved).includes('hunter2'));
  });

  it('says which is missing or unknown, and never a value', () => {
    const error = refusal(() => bindSecrets(resolveRecipe(sample()), { rot_password: 'hunter2' }));
    assert.match(
      error.message,
      /rot_password: this recipe has no such parameter; did you mean "root_password"\?\n {2}root_password: it is missing/,
    );
    assert.ok(!JSON.stringify([error.message, error.facts]).includes('hunter2'));
  });

  it('checks a secret against its pattern without saying it', () => {
    const strict = parseRecipe(sampleWith('type: secret,', 'type: secret, pattern: ".{12,}",'));
    const error = refusal(() => bindSecrets(resolveRecipe(strict), { root_password: 'hunter2' }));
    assert.match(error.message, /root_password: the value does not match the pattern/);
    assert.ok(!error.message.includes('hunter2'));
  });
});
