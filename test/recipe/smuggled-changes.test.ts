/** Threat 27: a patch by a trusted author that reaches further than it looks. Each of these was once classed too low. */
import assert from 'node:assert/strict';
import { classOf } from '../../src/recipe/classify.ts';
import { valueDigest } from '../../src/recipe/digest.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { Branch, ChangeClass, CheckedRecipe, Condition, Operation, Step } from '../../src/recipe/types.ts';
import { digestOfStep, recipeOf, replace } from './fixtures.ts';

const recipeWith = (steps: readonly Step[], rest = ''): CheckedRecipe =>
  parseRecipe(recipeOf(steps.map((step) => `  - ${JSON.stringify(step)}\n`).join(''), rest));

/** The class of some fields of the step `a` changed. */
function changed(
  steps: readonly Step[],
  fields: { readonly [K in keyof Step]?: Step[K] | undefined },
  rest = '',
  id = 'a',
): ChangeClass {
  const recipe = recipeWith(steps, rest);
  return classOf(recipe, [replace(recipe, id, fields)]);
}

const telling: Condition = { text: 'Installation complete' };

describe('threat 27: what a patch could smuggle in as a rewording', () => {
  describe('a check that always holds', () => {
    const installs: Step = { id: 'a', do: [{ type: 'make install' }, { key: 'enter' }], expect: telling };

    it('a text that is only the value of a parameter', () => {
      const params = 'params: { letter: { type: string, default: e } }\n';
      assert.equal(changed([installs], { expect: { text: '{{letter}}' } }, params), 'authority');
      assert.equal(changed([installs], { expect: { text: { regex: '({{letter}}|xyz)' } } }, params), 'authority');
    });

    it('a number that a parameter gives to a repetition', () => {
      const params = 'params: { count: { type: integer, default: 0 } }\n';
      assert.equal(changed([installs], { expect: { text: { regex: 'complete{{{count}}}' } } }, params), 'wording');
      assert.equal(changed([installs], { expect: { text: { regex: '(complete){{{count}}}' } } }, params), 'authority');
    });

    it('the echo of what is typed, wherever on the screen it is said to be', () => {
      for (const expect of [
        { text: 'make install' },
        { text: { string: 'make install', area: [0, 0, 80, 25] } },
        { text: { string: 'make install', line: -1 } },
        { text: '~ # make inst' },
        { text: { regex: '^[#$] make' } },
      ] as const) {
        assert.equal(changed([installs], { expect }), 'authority', JSON.stringify(expect));
      }
    });

    it('the echo of what several acts type together', () => {
      const pieces: Step = { id: 'a', do: [{ type: 'make' }, { type: ' install' }, { key: 'enter' }], expect: telling };
      assert.equal(changed([pieces], { expect: { text: 'make install' } }), 'authority');
    });

    it('the echo of a parameter’s value', () => {
      const params = 'params: { host: { type: string, default: portal } }\n';
      const types: Step = { id: 'a', do: [{ type: '{{host}}' }, { key: 'enter' }], expect: telling };
      assert.equal(changed([types], { expect: { text: 'portal' } }, params), 'authority');
    });

    it('the echo of a parameter that only now has the value that confirms', () => {
      const params = 'params: { host: { type: string, default: portal } }\n';
      const types: Step = { id: 'a', do: [{ type: 'run {{host}}' }, { key: 'enter' }], expect: telling };
      const recipe = recipeWith([types], params);
      const set = (value: string): Operation => ({
        op: 'set',
        path: ['params', 'host', 'default'],
        was: valueDigest('portal'),
        value,
      });
      assert.equal(classOf(recipe, [set('Installation complete')]), 'authority');
      assert.equal(classOf(recipe, [set('gun')]), 'sends');
    });

    it('a text, or one that must be gone or stops the build, by the default of a parameter in it', () => {
      const by = (value: string, expect: Condition, rest = ''): ChangeClass => {
        const recipe = recipeWith(
          [{ ...installs, expect }],
          `params: { word: { type: string, default: Done } }\n${rest}`,
        );
        const was = valueDigest('Done');
        return classOf(recipe, [{ op: 'set', path: ['params', 'word', 'default'], was, value }]);
      };
      assert.equal(by('Ready', { text: '{{word}}' }), 'sends');
      assert.equal(by('e', { text: '{{word}}' }), 'authority');
      assert.equal(by('Ready', { gone: { text: '{{word}}' } }), 'authority');
      const watch = 'watch: [{ id: w, when: { text: "{{word}}" }, fail: it is over }]\n';
      assert.equal(by('Ready', telling, watch), 'authority');
      assert.equal(
        by('Ready', telling, 'personalise: [{ id: p, do: [{ type: "{{word}}" }], expect: { text: "ok!" } }]\n'),
        'authority',
      );
    });

    it('the echo of what the step before has typed', () => {
      const { expect: _, ...unconfirmed } = installs;
      const next: Step = { id: 'b', when: telling, do: [{ key: 'enter' }], expect: { text: 'Goodbye' } };
      assert.equal(changed([unconfirmed, next], { when: { text: 'make install' } }, '', 'b'), 'authority');
      assert.equal(changed([unconfirmed, next], { when: { text: 'All is installed' } }, '', 'b'), 'wording');
    });

    it('a new step between an act and its check that the echo satisfies, so that an old text may satisfy the check', () => {
      const { expect: _, ...unconfirmed } = installs;
      const recipe = recipeWith([unconfirmed, { id: 'b', expect: { text: '~ # ' } }]);
      const insert = (expect: Condition): Operation => ({ op: 'insert-step', after: 'a', step: { id: 'c', expect } });
      assert.equal(classOf(recipe, [insert({ text: 'make install' })]), 'authority');
      assert.equal(classOf(recipe, [insert({ gone: { text: 'never there' } })]), 'authority');
      assert.equal(classOf(recipe, [insert({ not: { text: 'never there' } })]), 'authority');
      assert.equal(classOf(recipe, [insert({ text: 'Nearly done' })]), 'wording');
    });

    it('a highlight that need not be one any more', () => {
      const row: Step = {
        id: 'a',
        when: { text: { string: 'Manual', style: 'inverse' } },
        do: [{ key: 'enter' }],
        expect: telling,
      };
      assert.equal(changed([row], { when: { text: 'Manual' } }), 'authority');
      assert.equal(changed([row], { when: { text: { string: 'By hand', style: 'inverse' } } }), 'wording');
    });

    it('a regular expression of common pieces, or of a frame', () => {
      for (const regex of ['the|ing|ion|and|ent', '[│─┌]', '(│|─){3,}', '[aeiou][a-z]']) {
        assert.equal(changed([installs], { expect: { text: { regex } } }), 'authority', regex);
      }
      assert.equal(changed([installs], { expect: { text: '─────' } }), 'authority');
    });
  });

  it('a watch that can never fire again', () => {
    const watch = 'watch: [{ id: panic, when: { text: Kernel panic }, fail: panic }]\n';
    const recipe = recipeWith([{ id: 'a', expect: telling }], watch);
    const set = (value: Condition): Operation => ({
      op: 'set',
      path: ['watch', 'panic', 'when'],
      was: valueDigest({ text: 'Kernel panic' }),
      value,
    });
    const panic: Condition = { text: 'Kernel panic' };
    assert.equal(classOf(recipe, [set({ text: 'never there' })]), 'authority');
    assert.equal(classOf(recipe, [set({ all: [panic, { text: 'never there' }] })]), 'authority');
    assert.equal(classOf(recipe, [set({ any: [panic, { text: 'Oops' }] })]), 'wording');
    assert.equal(classOf(recipe, [set({ ...panic, timeout: '5m' })]), 'wording');
  });

  describe('something else chosen or sent', () => {
    const keep: Branch = { when: { text: 'Keep the disk' }, do: [{ key: 'esc' }] };
    const format: Branch = { when: { text: 'Format the disk' }, do: [{ key: 'enter' }] };
    const branches = (before: readonly Branch[], after: readonly Branch[]): ChangeClass =>
      changed([{ id: 'a', first_of: before, expect: telling }], { first_of: after });

    it('the texts of two branches exchanged', () => {
      const exchanged = [
        { ...keep, when: format.when },
        { ...format, when: keep.when },
      ];
      assert.equal(branches([keep, format], exchanged), 'choices');
    });

    it('a branch of another text, where the other branch types something', () => {
      const types: Branch = { ...format, do: [{ type: 'yes' }] };
      assert.equal(branches([keep, types], [keep, { ...types, when: { text: 'The installer' } }]), 'sends');
    });

    it('only the time of a branch, or branches that do the same, are a rewording', () => {
      const patient: Branch = { ...keep, when: { text: 'Keep the disk', timeout: '5m' } };
      assert.equal(branches([keep, format], [patient, format]), 'wording');
      const alike: Branch = { when: { text: 'Format?' }, do: keep.do ?? [] };
      assert.equal(branches([keep, alike], [keep, { ...alike, when: { text: 'Erase?' } }]), 'wording');
    });

    it('another menu, reached by another key before the entry', () => {
      const step: Step = { id: 'a', when: telling, do: [{ key: 'f1' }, { menu: 'Help' }], expect: { text: 'Bye' } };
      assert.equal(changed([step], { do: [{ key: 'f8' }, { menu: 'Erase all' }] }), 'sends');
      assert.equal(changed([step], { do: [{ key: 'f1' }, { menu: 'About' }] }), 'choices');
    });

    it('typing that is no longer read back, beside one act more', () => {
      const step: Step = { id: 'a', do: [{ type: 'make' }, { key: 'enter' }], expect: telling };
      const silent: Step['do'] = [{ type: 'make', echo: false }, { key: 'enter' }, { key: 'enter' }];
      assert.equal(changed([step], { do: silent }), 'authority');
    });

    it('a branch whose own expectation stands in for the one that was reviewed', () => {
      const step: Step = { id: 'a', first_of: [keep, format], expect: telling };
      const instead = (expect: Condition): ChangeClass => changed([step], { first_of: [keep, { ...format, expect }] });
      assert.equal(instead({ text: 'e' }), 'authority');
      assert.equal(instead({ gone: { text: 'never there' } }), 'authority');
      assert.equal(instead({ text: 'Formatted' }), 'wording');
      const own: Step = { id: 'a', first_of: [keep, { ...format, expect: { text: 'Formatted' } }], expect: telling };
      assert.equal(changed([own], { first_of: [keep, format] }), 'wording');
      const { expect: _, ...alone } = own;
      assert.equal(changed([alone], { first_of: [keep, format] }), 'authority');
    });

    it('an end of a repetition that holds before anything is done', () => {
      const step: Step = { id: 'a', do: [{ key: 'enter' }], repeat: { until: telling, at_most: 3 } };
      assert.equal(changed([step], { repeat: { until: { text: 'The installer' }, at_most: 3 } }), 'sends');
      assert.equal(changed([step], { repeat: { until: { not: { text: 'never there' } }, at_most: 3 } }), 'authority');
      assert.equal(changed([step], { repeat: { until: { text: 'e' }, at_most: 3 } }), 'authority');
      assert.equal(changed([step], { repeat: { until: telling, at_most: 4 } }), 'sends');
      assert.equal(changed([step], { repeat: { until: telling, at_most: 2 } }), 'wording');
      assert.equal(changed([step], { repeat: { until: { ...telling, timeout: '4m' }, at_most: 3 } }), 'wording');
      assert.equal(changed([step], { repeat: undefined, expect: telling }), 'authority');
      const { repeat: _, ...once } = step;
      const repeat = { until: { text: 'The installer' }, at_most: 3 };
      assert.equal(changed([{ ...once, expect: telling }], { repeat }), 'sends');
    });

    it('a question that is answered otherwise, more often, or not at all', () => {
      const keymap = { when: { text: 'Keymap to use' }, do: [{ menu: 'American English' }] };
      const retry = { when: { text: 'Retry?' }, do: [{ key: 'enter' }], at_most: 2 };
      const step: Step = { id: 'a', prompts: { table: [keymap, retry], until: telling } };
      const table = (rows: NonNullable<Step['prompts']>['table']): ChangeClass =>
        changed([step], { prompts: { table: rows, until: telling } });
      assert.equal(table([{ ...keymap, do: [{ menu: 'German' }] }, retry]), 'choices');
      assert.equal(table([{ ...keymap, do: [{ type: 'rm -r /' }] }, retry]), 'sends');
      assert.equal(table([keymap, { ...retry, at_most: 9 }]), 'sends');
      assert.equal(table([keymap, { ...retry, at_most: 1 }]), 'wording');
      assert.equal(table([keymap, { ...retry, when: { text: 'e' } }]), 'authority');
      assert.equal(table([keymap, retry, { when: { text: 'Erase all?' }, do: [{ key: 'enter' }] }]), 'sends');
      assert.equal(table([keymap]), 'authority');
      const until = (condition: Condition): ChangeClass =>
        changed([step], { prompts: { table: [keymap, retry], until: condition } });
      assert.equal(until({ text: 'Installation finished' }), 'wording');
      assert.equal(until({ text: 'e' }), 'authority');
      assert.equal(until({ text: 'American English' }), 'wording');
    });

    it('an end of all questions that an answer types itself', () => {
      const typed = { when: { text: 'Your name' }, do: [{ type: 'bob' }, { key: 'enter' }] };
      const step: Step = { id: 'a', prompts: { table: [typed], until: telling } };
      assert.equal(changed([step], { prompts: { table: [typed], until: { text: 'bob' } } }), 'authority');
    });

    it('only the patience of a step is a rewording', () => {
      const step: Step = { id: 'a', do: [{ key: 'enter' }], expect: telling };
      assert.equal(changed([step], { timeout: '5m' }), 'wording');
    });

    it('an act moved to before the check that it had to wait for', () => {
      const recipe = recipeWith([
        { id: 'first', do: [{ key: 'enter' }], expect: { text: 'Started' } },
        { id: 'check', expect: { text: 'Backup complete' } },
        { id: 'erase', do: [{ key: 'enter' }], expect: telling },
      ]);
      const move: Operation = { op: 'move-step', id: 'erase', was: digestOfStep(recipe, 'erase'), after: 'first' };
      assert.equal(classOf(recipe, [move]), 'authority');
    });
  });
});
