import assert from 'node:assert/strict';
import { digestOf } from '../../src/crypto/canonical.ts';
import { classifyOperations, classOf } from '../../src/recipe/classify.ts';
import { valueDigest } from '../../src/recipe/digest.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import { longestWaitMs } from '../../src/recipe/patience.ts';
import type { ChangeClass, CheckedRecipe, Condition, Operation, ServedFile, Step } from '../../src/recipe/types.ts';
import { digestOfStep, recipeOf, replace, sample, SOURCE } from './fixtures.ts';

const base = sample();

const set = (path: readonly string[], value: unknown): Operation => {
  let was: unknown = base.recipe;
  for (const part of path) {
    was = Array.isArray(was)
      ? was.find((item: { id?: string }, index) => item.id === part || String(index) === part)
      : (was as Record<string, unknown> | undefined)?.[part];
  }
  return { op: 'set', path, was: valueDigest(was), value };
};

const insert = (step: Omit<Step, 'id'>): Operation => ({
  op: 'insert-step',
  after: 'language',
  step: { id: 'added', ...step },
});

/** The class of a change of one condition in an otherwise equal step. */
function reworded(before: Condition, after: Condition | undefined, field: 'when' | 'expect' = 'expect'): ChangeClass {
  const step = (condition: Condition | undefined): string =>
    JSON.stringify({ id: 'a', do: [{ key: 'enter' }], ...(condition && { [field]: condition }) });
  const recipe = parseRecipe(recipeOf(`  - ${step(before)}\n`));
  return classOf(recipe, [replace(recipe, 'a', { [field]: after })]);
}

describe('classes of change', () => {
  const cases: Readonly<Record<ChangeClass, readonly (readonly [string, readonly Operation[]])[]>> = {
    wording: [
      ['a condition reworded', [replace(base, 'language', { expect: { text: 'Choose your location' } })]],
      ['a condition reworded by set', [set(['steps', 'language', 'expect', 'text'], 'Choose your location')]],
      ['what was never run', [set(['steps', 'language', 'not_run'], 'no network here')]],
      ['a time limit', [set(['steps', 'base-system', 'expect', 'timeout'], '60m')]],
      ['progress', [set(['steps', 'base-system', 'expect', 'progress', 'stall'], '9m')]],
      ['retries', [set(['steps', 'language', 'retries'], 3)]],
      ['default retries', [set(['defaults', 'retries'], 3)]],
      ['a checkpoint', [set(['steps', 'hostname', 'checkpoint'], true)]],
      ['a summary', [set(['summary'], 'other words')]],
      ['a new step that only waits', [insert({ expect: { text: 'Loading components' } })]],
      ['a condition added', [replace(base, 'base-system', { when: { text: 'Installing the base' } })]],
    ],
    choices: [
      ['another entry of the same menu', [set(['steps', 'language', 'do', '0', 'menu'], 'C - No localization')]],
      ['another entry in a branch', [set(['steps', 'partition', 'first_of', '1', 'do', '0', 'menu'], 'Manual')]],
      ['a branch reworded', [set(['steps', 'partition', 'first_of', '0', 'when', 'text'], 'Force UEFI?')]],
      ['another key without text', [set(['steps', 'hostname', 'do', '1', 'key'], 'tab')]],
    ],
    sends: [
      ['other text', [set(['steps', 'hostname', 'do', '0', 'type'], '{{hostname}}x')]],
      [
        'one command more',
        [
          replace(base, 'hostname', {
            do: [{ type: '{{hostname}}', clear: true }, { key: 'enter' }, { type: 'rm -rf /' }],
          }),
        ],
      ],
      ['a key that writes text', [set(['steps', 'hostname', 'do', '1', 'key'], 'y')]],
      ['a chord', [set(['steps', 'hostname', 'do', '1', 'key'], 'ctrl-alt-delete')]],
      ['a key held down', [set(['steps', 'hostname', 'do', '1'], { hold: 'shift' })]],
      ['text on the serial console', [set(['steps', 'hostname', 'do', '1'], { serial: 'x' })]],
      ['power', [set(['steps', 'hostname', 'do', '1'], { power: 'reset' })]],
      [
        'an entry of a menu whose screen is another one too',
        [
          set(['steps', 'language', 'when', 'text'], 'Choose a disk'),
          set(['steps', 'language', 'do', '0', 'menu'], 'Erase'),
        ],
      ],
      ['a new step that acts', [insert({ do: [{ key: 'enter' }], expect: { text: 'Loading components' } })]],
      ['acts taken away', [replace(base, 'language', { do: undefined })]],
      ['a step moved', [{ op: 'move-step', id: 'language', was: digestOfStep(base, 'language'), after: 'hostname' }]],
      [
        'a new branch',
        [
          replace(base, 'partition', {
            first_of: [...(base.recipe.steps[2]?.first_of ?? []), { when: { text: 'Something else' } }],
          }),
        ],
      ],
      ['a default value', [set(['params', 'hostname', 'default'], 'evil')]],
      ['a new parameter', [set(['params', 'domain'], { type: 'string', default: 'lan' })]],
    ],
    authority: [
      ['a condition removed', [replace(base, 'language', { expect: undefined })]],
      ['a when removed', [replace(base, 'language', { when: undefined })]],
      ['a step removed', [{ op: 'remove-step', id: 'language', was: digestOfStep(base, 'language') }]],
      ['a check moved', [{ op: 'move-step', id: 'base-system', was: digestOfStep(base, 'base-system'), after: null }]],
      ['a branch removed', [replace(base, 'partition', { first_of: (base.recipe.steps[2]?.first_of ?? []).slice(1) })]],
      ['a condition that matches anything', [replace(base, 'language', { expect: { text: { regex: '.*' } } })]],
      ['a condition that any screen meets', [replace(base, 'language', { expect: { text: 'e' } })]],
      ['a condition about the passing of time', [replace(base, 'language', { expect: { still: '1ms' } })]],
      ['a new step that waits for anything', [insert({ expect: { changed: true } })]],
      [
        'an expectation that its own typing meets',
        [
          replace(base, 'hostname', {
            do: [{ type: 'echo all is done', clear: true }, { key: 'enter' }],
            expect: { text: 'is done' },
          }),
        ],
      ],
      ['a disc that is put in', [replace(base, 'base-system', { do: [{ insert: 'tools' }] })]],
      ['a drive that is emptied', [replace(base, 'base-system', { do: [{ eject: 'cd' }] })]],
      ['a file that is served', [replace(base, 'base-system', { do: [{ serve: { file: 'a.cfg', content: 'x' } }] })]],
      [
        'a new step that serves a file',
        [insert({ do: [{ serve: { file: 'a.cfg', content: 'x' } }], expect: { text: 'Loading components' } })],
      ],
      ['typing no longer read back', [set(['steps', 'hostname', 'do', '0', 'echo'], false)]],
      ['media', [set(['media'], { iso: { package: 'grub-rescue-pc', path: 'a.iso' } })]],
      ['the machine', [set(['machine', 'memory'], '1G')]],
      ['the network', [set(['machine', 'network'], 'none')]],
      ['a place on the network', [set(['machine', 'network'], { allow: ['example.org'] })]],
      ['a base', [set(['base'], { recipe: 'other', digest: digestOf(1) })]],
      ['outputs', [set(['outputs', '0', 'as'], 'disk')]],
      ['normaliser rules', [set(['normalise'], ['machine-id'])]],
      ['a normaliser rule left out', [set(['normalise'], [])]],
      ['the clock', [set(['reproducible'], { source_date_epoch: 1, clock: 'fixed' })]],
      ['a step that handles a secret', [set(['personalise', 'password', 'expect', 'text'], 'password changed')]],
      ['a secret', [set(['params', 'root_password', 'summary'], 'Another password')]],
      ['which values are allowed', [set(['params', 'hostname', 'pattern'], '^.*$')]],
      ['the name', [set(['name'], 'other')]],
      ['the version', [set(['version'], '2.0.0')]],
      ['a watch reworded', [set(['watch', 'no-network', 'when', 'text'], 'No network was found')]],
      ['a watch removed', [set(['watch'], null)]],
    ],
  };
  for (const [expected, entries] of Object.entries(cases)) {
    for (const [what, operations] of entries) {
      it(`${expected}: ${what}`, () => {
        const patch = classifyOperations(base, operations);
        assert.equal(patch.class, expected, JSON.stringify(patch.operations.map(({ changes }) => changes)));
        // A person is told why, for each operation.
        for (const { changes } of patch.operations)
          assert.ok(changes.every(({ reason }) => reason.length > 5) && changes.length > 0);
      });
    }
  }

  it('is authority where anything of a normaliser rule changes, its version and its reason too', () => {
    const rule = { path: '/etc/issue', content: '[0-9]{5}', reason: 'a number', version: 1 };
    const ruled = parseRecipe(`${SOURCE}\nnormalise: [${JSON.stringify(rule)}]\n`);
    const was = valueDigest(ruled.recipe.normalise);
    for (const change of [{ version: 2 }, { reason: 'another' }, { content: '[0-9]{6}' }, { path: '/etc/motd' }]) {
      const value = [{ ...rule, ...change }];
      const patch = classifyOperations(ruled, [{ op: 'set', path: ['normalise'], was, value }]);
      assert.equal(patch.class, 'authority', JSON.stringify(change));
    }
  });

  describe('of how long a build may be kept waiting', () => {
    const waits: readonly (readonly [string, readonly Operation[], ChangeClass])[] = [
      ['twice as long', [set(['steps', 'base-system', 'expect', 'timeout'], '60m')], 'wording'],
      ['nearly four times as long', [set(['steps', 'base-system', 'expect', 'timeout'], '119m')], 'wording'],
      ['longer than that', [set(['steps', 'base-system', 'expect', 'timeout'], '121m')], 'authority'],
      ['a day', [set(['steps', 'base-system', 'expect', 'timeout'], '24h')], 'authority'],
      ['up to half an hour, though it was a minute', [set(['steps', 'language', 'timeout'], '4m')], 'wording'],
      ['more than half an hour, though it was a minute', [set(['steps', 'language', 'timeout'], '6m')], 'authority'],
      ['every retry there is', [set(['steps', 'language', 'retries'], 20)], 'authority'],
      [
        'a little longer and a little oftener, which is too much together',
        [set(['steps', 'base-system', 'expect', 'timeout'], '90m'), set(['steps', 'base-system', 'retries'], 4)],
        'authority',
      ],
      ['every step by default', [set(['defaults', 'timeout'], '24h')], 'authority'],
      ['every step again by default', [set(['defaults', 'retries'], 20)], 'authority'],
      ['pauses of hours', [set(['defaults', 'backoff'], { from: '1h', factor: 2, max: '24h' })], 'authority'],
      ['a new step of hours', [insert({ expect: { text: 'Never shown', timeout: '8h' } })], 'authority'],
      ['one branch of hours', [set(['steps', 'partition', 'first_of', '1', 'when', 'timeout'], '9h')], 'authority'],
      ['less long', [set(['steps', 'base-system', 'expect', 'timeout'], '1s')], 'wording'],
    ];
    for (const [what, operations, expected] of waits) {
      it(`${expected}: ${what}`, () => assert.equal(classOf(base, operations), expected));
    }

    it('counts questions and rounds, in every try', () => {
      const step: Step = {
        id: 'asks',
        when: { text: 'first' },
        prompts: {
          table: [{ when: { text: 'again?', timeout: '3m' }, do: [{ key: 'y' }], at_most: 4 }],
          until: { text: 'done' },
        },
        expect: { any: [{ text: 'one', timeout: '2m' }, { text: 'two' }] },
      };
      // One minute, five questions of three, two minutes: 18 in each of three tries, and two pauses.
      assert.equal(longestWaitMs(step), 3 * 18 * 60_000 + 2 * 10_000);
      const again: Step = { id: 'again', do: [{ key: 'down' }], repeat: { until: { text: 'x y' }, at_most: 7 } };
      assert.equal(longestWaitMs(again, { timeout: '10s', retries: 0 }), 70_000);
    });
  });

  describe('of what the base’s parameters are used for', () => {
    const child = parseRecipe(
      JSON.stringify({
        recipe: 1,
        name: 'child',
        version: '1.0.0',
        base: { recipe: 'parent', digest: `sha256:${'0'.repeat(64)}` },
        params: { mine: { type: 'string', default: 'x' } },
        watch: [{ id: 'oops', when: { text: 'Oops here' }, fail: 'oops' }],
        steps: [
          {
            id: 'a',
            when: { text: 'shell of {{host}}' },
            do: [{ type: 'echo {{word}}' }, { key: 'enter' }],
            expect: { text: 'it is written' },
          },
        ],
      }),
    );
    const uses: readonly (readonly [string, readonly Operation[], ChangeClass])[] = [
      ['its own is typed', [replace(child, 'a', { do: [{ type: 'echo {{mine}}' }, { key: 'enter' }] })], 'sends'],
      ['the same one is typed', [replace(child, 'a', { do: [{ type: 'say {{ word }}' }, { key: 'enter' }] })], 'sends'],
      ['another is typed', [replace(child, 'a', { do: [{ type: '{{any}}' }, { key: 'enter' }] })], 'authority'],
      ['one is typed that was looked for', [replace(child, 'a', { do: [{ type: '{{host}}' }] })], 'authority'],
      ['one is looked for', [replace(child, 'a', { expect: { text: 'it is {{word}} written' } })], 'authority'],
      [
        'one is typed in a new step',
        [
          {
            op: 'insert-step',
            after: 'a',
            step: { id: 'b', do: [{ serial: '{{any}}\n' }], expect: { text: 'all done' } },
          },
        ],
        'authority',
      ],
      [
        'one stops the build',
        [
          {
            op: 'set',
            path: ['watch', 'oops', 'when'],
            was: valueDigest({ text: 'Oops here' }),
            value: { any: [{ text: 'Oops here' }, { text: 'Oops at {{any}}' }] },
          },
        ],
        'authority',
      ],
    ];
    for (const [what, operations, expected] of uses) {
      it(`${expected}: ${what}`, () => assert.equal(classOf(child, operations), expected));
    }
  });

  it('has the highest class of its operations, whatever their order', () => {
    const low = set(['steps', 'language', 'retries'], 3);
    const high = set(['machine', 'memory'], '1G');
    assert.equal(classOf(base, [low, high]), 'authority');
    assert.equal(classOf(base, [high, low]), 'authority');
    assert.deepEqual(
      classifyOperations(base, [low, high]).operations.map((operation) => operation.class),
      ['wording', 'authority'],
    );
  });

  it('calls another content of a served file something sent, and shows the lines; other names and ways authority', () => {
    const serving = (served: ServedFile): CheckedRecipe =>
      applyOperations(base, [replace(base, 'base-system', { do: [{ serve: served }] })]);
    const before = serving({ file: 'a.cfg', content: 'one\ntwo {{hostname}}\nthree', escape: 'shell' });
    const change = (served: ServedFile) =>
      classifyOperations(before, [replace(before, 'base-system', { do: [{ serve: served }] })]);
    const content = change({ file: 'a.cfg', content: 'one\n2 {{hostname}}\nthree', escape: 'shell' });
    assert.equal(content.class, 'sends');
    const [said] = content.operations[0]?.changes ?? [];
    assert.deepEqual([said?.before, said?.after], ['"two {{hostname}}"', '"2 {{hostname}}"']);
    assert.equal(change({ file: 'b.cfg', content: 'one', escape: 'shell' }).class, 'authority');
    assert.equal(change({ file: 'a.cfg', content: 'one\ntwo {{hostname}}\nthree', escape: 'none' }).class, 'authority');
    const silenced = replace(before, 'base-system', { do: undefined });
    assert.equal(classOf(before, [silenced]), 'authority');
  });

  it('counts what an operation did even where a later one undoes it', () => {
    const there = set(['machine', 'memory'], '1G');
    const back: Operation = { op: 'set', path: ['machine', 'memory'], was: digestOf('1G'), value: '128M' };
    assert.equal(classOf(base, [there, back]), 'authority');
  });

  describe('of a condition', () => {
    const text: Condition = { text: 'possible device/file completions' };
    const conditions: readonly (readonly [string, Condition, Condition, ChangeClass])[] = [
      ['another text', text, { text: 'device or file completions' }, 'wording'],
      [
        'a regular expression instead of a text',
        text,
        { text: { regex: 'device(/| or )file completions' } },
        'wording',
      ],
      ['one of two wordings', text, { any: [text, { text: 'device or file completions' }] }, 'wording'],
      [
        'a third wording',
        { any: [text, { text: 'second' }] },
        { any: [text, { text: 'second' }, { text: 'third' }] },
        'wording',
      ],
      ['more to ask for', text, { all: [text, { text: 'grub>' }] }, 'wording'],
      [
        'one of two parts reworded',
        { all: [text, { text: 'grub>' }] },
        { all: [{ text: 'device or file' }, { text: 'grub>' }] },
        'wording',
      ],
      ['fewer parts of all', { all: [text, { text: 'grub>' }] }, { all: [text] }, 'authority'],
      ['an alternative that is always there', text, { any: [text, { changed: true }] }, 'authority'],
      ['an alternative of another kind', text, { any: [text, { event: 'reset' }] }, 'authority'],
      ['the screen exchanged for the serial console', text, { serial: 'device or file' }, 'authority'],
      ['presence exchanged for absence', text, { gone: text }, 'authority'],
      ['another text that must be gone', { gone: text }, { gone: { text: 'never there' } }, 'authority'],
      ['another text that must not be there', { not: text }, { not: { text: 'never there' } }, 'authority'],
      ['a regular expression that is empty in effect', text, { text: { regex: 'x*' } }, 'authority'],
      ['a regular expression of any words', text, { text: { regex: '[a-z]+ [a-z]+' } }, 'authority'],
      ['a regular expression of any long line', text, { text: { regex: '.{5,}' } }, 'authority'],
      [
        'an alternative inside a regular expression that is always there',
        text,
        { text: { regex: 'device|[a-z]' } },
        'authority',
      ],
      ['a longer time for what must be gone', { gone: text }, { gone: text, timeout: '5m' }, 'wording'],
    ];
    for (const [what, before, after, expected] of conditions) {
      it(`${expected}: ${what}`, () => {
        assert.equal(reworded(before, after), expected);
        assert.equal(reworded(before, after, 'when'), expected);
      });
    }
  });
});
