import assert from 'node:assert/strict';
import { lintRecipe, type LintFinding } from '../../src/recipe/lint.ts';
import { recipeTemplate } from '../../src/recipe/new.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { recipeOf, sample, sampleWith, SOURCE } from './fixtures.ts';

/** Findings of a recipe of these steps, without those about the recipe as a whole. */
function findings(...steps: string[]): LintFinding[] {
  return lintRecipe(parseRecipe(recipeOf(steps.map((step) => `  - ${step}\n`).join(''))));
}

const END = '{ id: end, expect: { text: the end } }';

describe('lintRecipe', () => {
  it('finds nothing in a sound recipe, nor in the template', () => {
    assert.deepEqual(lintRecipe(sample()), []);
    assert.deepEqual(lintRecipe(parseRecipe(recipeTemplate('mine'))), []);
  });

  const errors: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['an act that nothing confirms', ['{ id: a, do: [{ key: enter }] }'], /nothing confirms it/],
    [
      'an act whose next step does not look first',
      ['{ id: a, do: [{ key: enter }] }', '{ id: b, do: [{ key: enter }], expect: { text: the end } }'],
      /nothing confirms it/,
    ],
    [
      'an unconfirmed act in a branch',
      ['{ id: a, first_of: [{ when: { text: abc }, do: [{ key: enter }] }] }'],
      /nothing confirms it/,
    ],
    [
      'an empty pattern',
      ['{ id: a, do: [{ key: enter }], expect: { text: { regex: ".*" } } }'],
      /expect holds on almost any screen/,
    ],
    [
      'a text of one letter',
      ['{ id: a, when: { text: e }, expect: { text: the end } }'],
      /when holds on almost any screen/,
    ],
    [
      'an alternative that is always there',
      ['{ id: a, expect: { any: [{ text: abc }, { text: { regex: "" } }] } }'.replace('""', '"x?"')],
      /almost any screen/,
    ],
    [
      'an expectation that the echo meets',
      ['{ id: a, do: [{ type: echo all done }, { key: enter }], expect: { text: all done } }'],
      /the step confirms itself.*"all done"/,
    ],
    [
      'a pattern that the echo meets',
      ['{ id: a, do: [{ type: echo done-1 }, { key: enter }], expect: { text: { regex: "done-[0-9]" } } }'],
      /the step confirms itself/,
    ],
    [
      'an alternative that the echo meets',
      ['{ id: a, do: [{ type: echo abc }], expect: { any: [{ text: xyz }, { text: abc }] } }'],
      /the step confirms itself/,
    ],
    [
      'a next step that the echo satisfies',
      ['{ id: a, do: [{ type: echo abc }] }', '{ id: b, when: { text: abc }, expect: { text: the end } }'],
      /the step confirms itself/,
    ],
    [
      'the echo on the serial console',
      ['{ id: a, do: [{ serial: "echo abc\\n" }], expect: { serial: abc } }'],
      /the step confirms itself/,
    ],
    [
      'steps behind the end of the machine',
      ['{ id: a, do: [{ power: "off" }], expect: { event: shutdown } }', END],
      /never reached: a ends the machine/,
    ],
    [
      'a branch behind one that holds whenever it does',
      ['{ id: a, first_of: [{ when: { text: disk } }, { when: { text: { string: Select disk, line: 2 } } }] }', END],
      /first_of\[1\] is never reached/,
    ],
    [
      'a branch behind any of several',
      ['{ id: a, first_of: [{ when: { any: [{ text: abc }, { text: xyz }] } }, { when: { text: xyz } }] }', END],
      /first_of\[1\] is never reached/,
    ],
    [
      'a question that is taken for the end',
      [
        '{ id: a, prompts: { table: [{ when: { text: All done? }, do: [{ key: enter }] }], until: { text: All done } } }',
      ],
      /table\[0\] is never reached/,
    ],
    [
      'an end of a repetition that the echo satisfies',
      ['{ id: a, do: [{ type: echo abc }], repeat: { until: { text: abc }, at_most: 3 } }'],
      /the step confirms itself/,
    ],
    [
      'an end of a repetition that is always there',
      ['{ id: a, do: [{ key: enter }], repeat: { until: { text: e }, at_most: 3 } }'],
      /repeat.until holds on almost any screen/,
    ],
    [
      'a question that every screen asks',
      ['{ id: a, prompts: { table: [{ when: { text: e }, do: [{ key: enter }] }], until: { text: All done } } }'],
      /prompts.table\[0\].when holds on almost any screen/,
    ],
    [
      'a file that is waited for before it is served',
      [
        '{ id: a, do: [{ key: enter }], expect: { fetched: a.cfg } }',
        '{ id: b, do: [{ serve: { file: a.cfg, content: x } }, { key: enter }], expect: { text: the end } }',
      ],
      /waits until a\.cfg is fetched, and no step up to it serves that file/,
    ],
    [
      'a branch that expects nothing, though the other one does',
      [
        '{ id: a, first_of: [{ when: { text: abc }, do: [{ key: enter }], expect: { text: xyz } }, { when: { text: uvw }, do: [{ key: enter }] }] }',
      ],
      /nothing confirms it/,
    ],
  ];
  for (const [what, steps, expected] of errors) {
    it(`calls an error: ${what}`, () => {
      const found = findings(...steps).filter(({ severity }) => severity === 'error');
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.match(found[0]?.message ?? '', expected);
      assert.ok(found[0]?.step !== undefined && found[0].line >= 7);
    });
  }

  const sound: readonly (readonly [string, readonly string[]])[] = [
    [
      'an act that the next step confirms',
      ['{ id: a, do: [{ key: enter }] }', '{ id: b, when: { text: the end }, expect: { text: and after } }'],
    ],
    [
      'an act that the branches of the next step confirm',
      ['{ id: a, do: [{ key: enter }] }', '{ id: b, first_of: [{ when: { text: the end } }] }'],
    ],
    ['a computed value', ['{ id: a, do: [{ type: "echo done-$n" }], expect: { text: done-5 } }']],
    [
      'typing that is not echoed',
      ['{ id: a, do: [{ type: secret word, echo: false }], expect: { text: secret word } }'],
    ],
    [
      'text elsewhere on the screen',
      ['{ id: a, do: [{ type: echo abc }], expect: { text: { string: abc, line: 5 } } }'],
    ],
    [
      'one of all parts typed',
      ['{ id: a, do: [{ type: echo abc }], expect: { all: [{ text: abc }, { text: xyz }] } }'],
    ],
    [
      'branches that each expect something',
      [
        '{ id: a, first_of: [{ when: { text: abc }, do: [{ key: enter }], expect: { text: xyz } }, { when: { text: uvw } }] }',
      ],
    ],
    [
      'branches of which the first asks for more',
      ['{ id: a, first_of: [{ when: { text: Select disk } }, { when: { text: disk } }] }', END],
    ],
    [
      'a repetition, and questions',
      [
        '{ id: a, do: [{ key: down }], repeat: { until: { text: The last row }, at_most: 9 } }',
        '{ id: b, prompts: { table: [{ when: { text: Your name }, do: [{ type: bob }] }], until: { text: All done } } }',
      ],
    ],
    ['something gone', ['{ id: a, do: [{ type: abc }], when: { text: abc }, expect: { gone: { text: abc } } }']],
  ];
  for (const [what, steps] of sound) it(`takes ${what}`, () => assert.deepEqual(findings(...steps), []));

  const warnings: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['waiting for a still screen', ['{ id: a, do: [{ key: enter }], expect: { still: 2s } }'], /almost any screen/],
    ['retries without a checkpoint', ['{ id: a, expect: { text: abc }, retries: 3 }'], /starts from power-on/],
    [
      'an expectation that was met before',
      ['{ id: a, when: { text: "grub>" }, do: [{ key: enter }], expect: { text: "grub>" } }'],
      /may still be there/,
    ],
    [
      'an expectation that the step before met',
      ['{ id: a, expect: { text: abc } }', '{ id: b, do: [{ key: enter }], expect: { text: abc } }'],
      /may still be there/,
    ],
    [
      'what holds on an empty screen',
      ['{ id: a, do: [{ key: enter }], expect: { any: [{ text: abc }, { not: { text: xyz } }] } }'],
      /expect holds on an empty screen: .*say what shows instead, or gone/,
    ],
    [
      'progress that a clock makes',
      ['{ id: a, expect: { text: abc, progress: { text: "[0-9]*", stall: 5m } } }'],
      /takes anything that moves for progress/,
    ],
    [
      'something gone that was never looked for',
      ['{ id: a, do: [{ key: enter }], expect: { gone: { text: abc } } }'],
      /never looks whether it was there/,
    ],
  ];
  for (const [what, steps, expected] of warnings) {
    it(`warns of ${what}`, () => {
      const found = findings(...steps);
      assert.deepEqual(
        found.map(({ severity }) => severity),
        ['warning'],
        JSON.stringify(found),
      );
      assert.match(found[0]?.message ?? '', expected);
    });
  }

  it('warns of parameters that nobody can know or that nothing uses, with their lines', () => {
    const found = lintRecipe(
      parseRecipe(sampleWith('summary: Its name }', 'summary: Its name }\n  other: { type: integer, default: 1 }')),
    );
    assert.deepEqual(
      found.map(({ line, message }) => [line, message]),
      [
        [9, 'the parameter other has no summary; whoever builds is asked for it by that'],
        [9, 'the parameter other is never used'],
      ],
    );
  });

  it('warns of disks that nothing keeps, of media without verification, of a recipe without a summary', () => {
    const messages = (source: string): string =>
      lintRecipe(parseRecipe(source))
        .map(({ message }) => message)
        .join('\n');
    assert.match(messages(sampleWith('outputs:\n  - { disk: root, as: image }\n', '')), /nothing is kept/);
    assert.match(
      messages(recipeOf(`  - ${END}\n`, 'media: { iso: { file: a.iso, unverified: allow } }\n')),
      /without verification/,
    );
    assert.match(messages(sampleWith('summary: What tests are made of   # beside a value\n', '')), /no summary/);
  });

  it('warns of steps that were never run, once for a row with one reason', () => {
    const marked = (id: string, reason: string): readonly [string, string] => [
      `  - id: ${id}`,
      `  - id: ${id}\n    not_run: ${reason}`,
    ];
    const source = [
      marked('hostname', 'no network'),
      marked('partition', 'no network'),
      marked('base-system', 'no disk'),
    ].reduce((text, [was, is]) => text.replace(was, is), SOURCE);
    assert.deepEqual(
      lintRecipe(parseRecipe(source)).map(({ severity, step, message }) => [severity, step, message]),
      [
        ['warning', 'hostname', '2 steps from here on were never run: no network'],
        ['warning', 'base-system', 'this step was never run: no disk'],
      ],
    );
  });

  it('calls a watch that fires on anything an error', () => {
    const found = lintRecipe(parseRecipe(sampleWith('"Network autoconfiguration failed"', 'e')));
    assert.deepEqual(
      found.map(({ severity, line }) => [severity, line]),
      [['error', 19]],
    );
  });

  it('calls a watch that fires on an empty screen an error', () => {
    const absent = sampleWith('{ text: "Network autoconfiguration failed" }', '{ not: { text: "A network" } }');
    assert.deepEqual(
      lintRecipe(parseRecipe(absent)).map(({ severity, line, message }) => [severity, line, message]),
      [['error', 19, 'the watch fires on an empty screen: no sign of the text "A network"']],
    );
  });

  it('calls a condition an error that a parameter empties by its default', () => {
    const found = (fallback: string) =>
      lintRecipe(
        parseRecipe(
          `recipe: 1\nname: x\nversion: 1.0.0\nsummary: x\nmachine: { arch: x86_64, memory: 64M }\n` +
            `params: { word: { type: string, summary: x, default: "${fallback}" } }\n` +
            `steps:\n  - { id: a, do: [{ key: enter }], expect: { text: "{{word}}" } }\n`,
        ),
      ).map(({ severity, step, line }) => [severity, step, line]);
    assert.deepEqual(found('portal'), []);
    assert.deepEqual(found(''), [['error', 'a', 8]]);
  });

  it('warns of default retries in a recipe without a checkpoint', () => {
    const found = lintRecipe(parseRecipe(sampleWith('    checkpoint: true\n', '')));
    assert.match(found[0]?.message ?? '', /none is a checkpoint/);
  });
});
