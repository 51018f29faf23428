/** What is suggested for a failing step, and what is warned of. */
import assert from 'node:assert/strict';
import { stepDigest } from '../../../src/recipe/digest.ts';
import { applyOperations } from '../../../src/recipe/patch.ts';
import type { Condition, Step } from '../../../src/recipe/types.ts';
import { createSuggestionRepair, suggestions } from '../../../src/workshop/provision/suggest.ts';
import type { RepairRequest, StepFailure } from '../../../src/workshop/provision/types.ts';
import { paperScreen } from './paper-machine.ts';
import { reader, recipe } from './paper-run.ts';

const BEFORE: Step = { id: 'before', when: { text: 'The beginning of it' }, do: [{ key: 'enter' }] };
const AFTER: Step = { id: 'after', when: { text: 'The end of it' } };

function request(
  step: Step,
  phase: StepFailure['phase'],
  lines: readonly string[],
  before?: readonly string[],
): RepairRequest {
  const expected: Condition = (phase === 'expect' ? step.expect : step.when) ?? assert.fail();
  return {
    resolved: recipe([BEFORE, step, AFTER]),
    step,
    failure: {
      stepId: step.id,
      stepDigest: stepDigest(step),
      phase,
      expected,
      reason: 'it was not seen',
      seen: paperScreen(lines),
      ...(before && { before: paperScreen(before) }),
      serialTail: '',
      nearest: [],
    },
    attempt: 1,
    checkpoints: [null],
  };
}

const asked = (expect: Condition): Step => ({
  id: 'asked',
  when: { text: 'Is it so' },
  do: [{ type: 'do-it' }, { key: 'enter' }],
  expect,
});

/** Steps after the first suggestion was taken. */
function taken(about: RepairRequest): readonly Step[] {
  const [best] = suggestions(about, reader);
  return applyOperations(about.resolved.of, best?.operations ?? assert.fail('nothing is suggested')).recipe.steps;
}

describe('a suggestion', () => {
  it('looks anywhere for a text that moved', () => {
    const about = request(asked({ text: { string: 'Installation done', line: 0 } }), 'expect', [
      '',
      'Installation done',
    ]);
    const [best] = suggestions(about, reader);
    assert.equal(best?.kind, 'moved');
    assert.deepEqual(taken(about)[1]?.expect, { text: { string: 'Installation done' } });
  });

  it('ranks a text that is met too early behind others, and says why', () => {
    const about = request(
      asked({ text: 'Installation is done' }),
      'expect',
      ['Installation done?', 'Installation was made'],
      ['Installation done?'],
    );
    const offered = suggestions(about, reader);
    assert.equal(offered[0]?.text, 'Installation was made');
    assert.equal(offered[0]?.warning, undefined);
    assert.match(
      offered.find(({ text }) => text === 'Installation done?')?.warning ?? '',
      /stood there before the step acted/,
    );
  });

  it('warns of what shows while work goes on, and of what the step types itself', () => {
    const running = suggestions(
      request(asked({ text: 'Installing now, done' }), 'expect', ['Installing now...']),
      reader,
    );
    assert.match(running[0]?.warning ?? '', /while work is still going on/);
    const echoed = suggestions(request(asked({ text: 'do-it!' }), 'expect', ['~ # do-it']), reader);
    assert.match(echoed.find(({ text }) => text === 'do-it')?.warning ?? '', /types shows it already/);
  });

  it('with a warning is never taken by itself', async () => {
    const about = request(asked({ text: 'Installing now, done' }), 'expect', ['Installing now...']);
    assert.equal(await createSuggestionRepair(reader, 0.1).propose(about, new AbortController().signal), undefined);
  });

  it('answers a question that the recipe does not know with Enter, before the step or after its acts', () => {
    const screen = ['A licence has to be read', 'Do you accept the licence?'];
    const waiting = request(asked({ text: 'Finished' }), 'when', screen);
    const question = suggestions(waiting, reader).find(({ kind }) => kind === 'new-question');
    const before = applyOperations(waiting.resolved.of, question?.operations ?? assert.fail()).recipe.steps;
    assert.deepEqual(
      before.map(({ id }) => id),
      ['before', 'do-you-accept-the', 'asked', 'after'],
    );
    assert.deepEqual(before[1], {
      id: 'do-you-accept-the',
      when: { text: 'Do you accept the licence?' },
      do: [{ key: 'enter' }],
      expect: { gone: { text: 'Do you accept the licence?' } },
    });
    const acted = request(asked({ text: 'Finished' }), 'expect', screen, ['Is it so']);
    const later = suggestions(acted, reader).find(({ kind }) => kind === 'new-question');
    const after = applyOperations(acted.resolved.of, later?.operations ?? assert.fail()).recipe.steps;
    assert.deepEqual(after[1]?.expect, { text: 'Do you accept the licence?' });
    assert.deepEqual(after[2]?.expect, { text: 'Finished' });
  });

  it('of a new question is not made where the question was only reworded, nor taken unasked', async () => {
    const reworded = request(asked({ text: 'Do you accept this licence?' }), 'expect', ['Do you accept the licence?']);
    assert.deepEqual(
      suggestions(reworded, reader).map(({ kind }) => kind),
      ['reworded'],
    );
    const unknown = request(asked({ text: 'zzz' }), 'when', ['Do you accept the licence?']);
    assert.equal(await createSuggestionRepair(reader).propose(unknown, new AbortController().signal), undefined);
  });
});
