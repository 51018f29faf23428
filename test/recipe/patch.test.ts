import assert from 'node:assert/strict';
import { PortalgunError, RefusedError } from '../../src/errors.ts';
import { digestOf } from '../../src/crypto/canonical.ts';
import { MAX_OPERATIONS } from '../../src/recipe/limits.ts';
import { parseOperations } from '../../src/recipe/operations.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { applyOperations, applyToYaml } from '../../src/recipe/patch.ts';
import type { Operation, Step } from '../../src/recipe/types.ts';
import { digestOfStep, replace, sample, sampleWith, SOURCE, stepOf } from './fixtures.ts';

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof PortalgunError, String(error));
    assert.ok(error instanceof RefusedError, `${error.name} ${error.message}`);
    return error.code;
  }
  return assert.fail('it was accepted');
}

const NEW_STEP: Step = {
  id: 'mirror',
  when: { text: 'Choose a mirror' },
  do: [{ menu: 'None: go on' }],
  expect: { text: 'No mirror' },
};

describe('applyToYaml', () => {
  it('changes the one line of a reworded condition, and nothing else of the author’s text', () => {
    const operation = replace(sample(), 'language', { expect: { text: 'Choose your location' } });
    assert.equal(applyToYaml(SOURCE, [operation]), sampleWith('"Select your location"', '"Choose your location"'));
  });

  it('keeps the quotes that the author put around a text', () => {
    const operation = replace(sample(), 'language', { when: { text: 'The author\'s "language"' } });
    const expected = sampleWith("'Choose the language'", "'The author''s \"language\"'");
    assert.equal(applyToYaml(SOURCE, [operation]), expected);
  });

  it('changes a value inside block style and leaves the comments around it', () => {
    const operation = replace(sample(), 'hostname', {
      when: { text: 'Enter the host: name', timeout: '90s' },
      do: [{ type: '{{hostname}}', clear: true }, { key: 'tab' }],
    });
    const expected = sampleWith('text: Please enter the hostname\n', 'text: "Enter the host: name"\n').replace(
      '- key: enter',
      '- key: tab',
    );
    assert.equal(applyToYaml(SOURCE, [operation]), expected);
  });

  it('inserts a step below the one it follows, written as its author would', () => {
    const text = applyToYaml(SOURCE, [{ op: 'insert-step', after: 'partition', step: NEW_STEP }]);
    const added = `  - id: mirror
    when: { text: Choose a mirror }
    do: [{ menu: "None: go on" }]
    expect: { text: No mirror }

`;
    assert.equal(text, sampleWith('  # nothing to do but to wait\n', `${added}  # nothing to do but to wait\n`));
  });

  it('inserts a step before all others', () => {
    const text = applyToYaml(SOURCE, [{ op: 'insert-step', after: null, step: NEW_STEP }]);
    assert.equal(parseRecipe(text).recipe.steps[0]?.id, 'mirror');
    assert.ok(text.includes('  # the first screen\n  - id: language'));
  });

  it('removes a step with the comment above it, and no other line', () => {
    const recipe = sample();
    const text = applyToYaml(SOURCE, [{ op: 'remove-step', id: 'language', was: digestOfStep(recipe, 'language') }]);
    const start = SOURCE.indexOf('  # the first screen');
    assert.equal(text, SOURCE.slice(0, start) + SOURCE.slice(SOURCE.indexOf('  - id: hostname')));
  });

  it('moves a step with its comments', () => {
    const text = applyToYaml(SOURCE, [
      { op: 'move-step', id: 'language', was: digestOfStep(sample(), 'language'), after: 'base-system' },
    ]);
    assert.deepEqual(
      parseRecipe(text).recipe.steps.map(({ id }) => id),
      ['hostname', 'partition', 'base-system', 'language'],
    );
    assert.match(text, /# the first screen\n {2}- id: language/);
    assert.match(text, /# nothing to do but to wait\n {2}- id: base-system/);
    assert.ok(text.endsWith('# the end\n'));
  });

  it('adds, changes and takes away one field by its path', () => {
    const text = applyToYaml(SOURCE, [
      { op: 'set', path: ['steps', 'base-system', 'retries'], was: null, value: 3 },
      { op: 'set', path: ['machine', 'memory'], was: digestOf('128M'), value: '256M' },
      { op: 'set', path: ['steps', 'language', 'checkpoint'], was: digestOf(true), value: null },
    ]);
    const { recipe } = parseRecipe(text);
    assert.equal(recipe.steps.at(-1)?.retries, 3);
    assert.ok(!('checkpoint' in (recipe.steps[0] ?? {})));
    assert.ok(text.includes('memory: 256M   # enough'));
    assert.equal(text.split('\n').filter((line) => !SOURCE.includes(line)).length, 2);
  });

  it('keeps the text of inline files readable', () => {
    const source = sampleWith(
      'machine:\n',
      'media:\n  parts:\n    layout: usb-fat\n    files:\n      go.sh: |\n        #!/bin/sh\n        echo one\n\nmachine:\n',
    );
    const text = applyToYaml(source, [
      {
        op: 'set',
        path: ['media', 'parts', 'files', 'go.sh'],
        was: digestOf('#!/bin/sh\necho one\n'),
        value: '#!/bin/sh\necho two\n',
      },
    ]);
    assert.equal(text, source.replace('echo one', 'echo two'));
  });

  it('keeps the comments of a text that is laid out in a way it cannot edit in place', () => {
    const source = SOURCE.replace(
      / {2}- \{ id: no-network.*\n/,
      '  [ { id: no-network,   # a\n      when: { text: "Network autoconfiguration failed" }, fail: network } ] # b\n',
    );
    const was = digestOf(parseRecipe(source).recipe.watch);
    const text = applyToYaml(source, [{ op: 'set', path: ['watch'], was, value: null }]);
    assert.equal(parseRecipe(text).recipe.watch, undefined);
    assert.ok(text.includes('# the first screen') && text.includes('# enough'));
  });

  it('leaves a text as it is where the operations end where they began', () => {
    const { recipe } = sample();
    const there: Operation = { op: 'set', path: ['summary'], was: digestOf(recipe.summary), value: 'other' };
    const back: Operation = { op: 'set', path: ['summary'], was: digestOf('other'), value: recipe.summary };
    assert.equal(applyToYaml(SOURCE, [there, back]), SOURCE);
  });
});

describe('applyOperations', () => {
  it('gives a checked recipe with a digest of its own', () => {
    const result = applyOperations(sample(), [replace(sample(), 'language', { retries: 5 })]);
    assert.equal(stepOf(result, 'language').retries, 5);
    assert.equal(result.digest, parseRecipe(result.source).digest);
    assert.notEqual(result.digest, sample().digest);
  });

  it('applies each operation to what the ones before it left', () => {
    const first = replace(sample(), 'language', { retries: 5 });
    const after = applyOperations(sample(), [first]);
    const second: Operation = { op: 'remove-step', id: 'language', was: digestOfStep(after, 'language') };
    assert.equal(applyOperations(sample(), [first, second]).recipe.steps.length, 3);
    assert.equal(
      code(() => applyOperations(sample(), [second])),
      'recipe/patch-stale',
    );
  });

  const other = digestOf('something else');
  const stale: readonly (readonly [string, Operation])[] = [
    ['a step that has changed since', { ...replace(sample(), 'language', { retries: 5 }), was: other } as Operation],
    ['a step that is not there', { op: 'remove-step', id: 'nowhere', was: other }],
    ['an insert after a step that is not there', { op: 'insert-step', after: 'nowhere', step: NEW_STEP }],
    ['an insert of an id that is there', { op: 'insert-step', after: null, step: { ...NEW_STEP, id: 'language' } }],
    [
      'a move after itself',
      { op: 'move-step', id: 'language', was: digestOfStep(sample(), 'language'), after: 'language' },
    ],
    ['a field that has another value', { op: 'set', path: ['machine', 'memory'], was: other, value: '1G' }],
    ['a field that is there already', { op: 'set', path: ['machine', 'memory'], was: null, value: '1G' }],
    ['a field that is not there', { op: 'set', path: ['machine', 'cpus'], was: other, value: 2 }],
    ['a path into nothing', { op: 'set', path: ['media', 'iso', 'path'], was: null, value: 'x' }],
    ['a position beyond the end', { op: 'set', path: ['outputs', '1', 'as'], was: null, value: 'x' }],
  ];
  for (const [what, operation] of stale) {
    it(`does not fit: ${what}`, () =>
      assert.equal(
        code(() => applyOperations(sample(), [operation])),
        'recipe/patch-stale',
      ));
  }

  const was = digestOfStep(sample(), 'language');
  const foreign: readonly (readonly [string, unknown])[] = [
    ['no list', { op: 'remove-step' }],
    ['an empty list', []],
    ['an operation that is no mapping', ['remove-step']],
    ['an operation from the future', [{ op: 'splice-step', id: 'language', was }]],
    ['an operation named like something every object has', [{ op: 'constructor' }]],
    ['a field too many', [{ op: 'remove-step', id: 'language', was, force: true }]],
    ['a field too few', [{ op: 'remove-step', id: 'language' }]],
    ['a digest that is none', [{ op: 'remove-step', id: 'language', was: 'sha256:abc' }]],
    ['no digest where one must be', [{ op: 'remove-step', id: 'language', was: null }]],
    ['an id that is a number', [{ op: 'remove-step', id: 5, was }]],
    ['a step of another shape', [{ op: 'insert-step', after: null, step: { id: 'x', sleep: '5s' } }]],
    [
      'a step with another id',
      [{ op: 'replace-step', id: 'language', was, step: { id: 'other', expect: { text: 'abc' } } }],
    ],
    ['a value without a canonical form', [{ op: 'set', path: ['summary'], was: null, value: 1.5 }]],
    [
      'a value that goes too deep',
      [{ op: 'set', path: ['summary'], was: null, value: Array.from({ length: 40 }).reduce((inner) => [inner], 'x') }],
    ],
    ['an empty path', [{ op: 'set', path: [], was: null, value: 1 }]],
    ['a whole step by set', [{ op: 'set', path: ['steps', 'language'], was, value: { id: 'language' } }]],
    ['all steps by set', [{ op: 'set', path: ['steps'], was, value: [] }]],
    ['a new id by set', [{ op: 'set', path: ['steps', 'language', 'id'], was, value: 'x' }]],
    ['nothing set where nothing was', [{ op: 'set', path: ['base'], was: null, value: null }]],
    ['an unknown part', [{ op: 'set', path: ['scripts'], was: null, value: 'rm' }]],
    ['__proto__', [{ op: 'set', path: ['__proto__', 'polluted'], was: null, value: 1 }]],
    [
      'a required part taken away',
      [{ op: 'set', path: ['machine'], was: digestOf(sample().recipe.machine), value: null }],
    ],
  ];
  for (const [what, operations] of foreign) {
    it(`refuses ${what} as not understood`, () => {
      assert.match(
        code(() => applyOperations(sample(), operations as readonly Operation[])),
        /^recipe\/patch-(not-understood|stale)$/,
      );
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    });
  }

  it('takes the most operations, and refuses one more', () => {
    const operations = (count: number): Operation[] =>
      Array.from({ length: count }, (_, n): Operation => ({
        op: 'set',
        path: ['summary'],
        was: digestOf(n === 0 ? sample().recipe.summary : `s${n - 1}`),
        value: `s${n}`,
      }));
    assert.equal(applyOperations(sample(), operations(MAX_OPERATIONS)).recipe.summary, `s${MAX_OPERATIONS - 1}`);
    assert.equal(
      code(() => parseOperations(operations(MAX_OPERATIONS + 1))),
      'recipe/patch-not-understood',
    );
  });

  it('refuses a patch whose result is no valid recipe, and says why', () => {
    const operation: Operation = {
      op: 'insert-step',
      after: null,
      step: { ...NEW_STEP, do: [{ type: '{{root_password}}' }] },
    };
    assert.throws(
      () => applyOperations(sample(), [operation]),
      (error: unknown) =>
        error instanceof RefusedError &&
        error.code === 'recipe/patch-result-invalid' &&
        /used outside personalise/.test(error.message),
    );
  });

  it('refuses a patch that makes the recipe larger than a recipe may be', () => {
    const step: Step = {
      id: 'big',
      do: Array.from({ length: 64 }, () => ({ type: 'x'.repeat(900) })),
      expect: { text: 'abc' },
    };
    assert.equal(
      code(() => applyOperations(sample(), [{ op: 'insert-step', after: null, step }])),
      'recipe/patch-result-invalid',
    );
  });
});
