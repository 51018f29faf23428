import assert from 'node:assert/strict';
import { sha256 } from '../../../src/crypto/digest.ts';
import { stepDigest } from '../../../src/recipe/digest.ts';
import type { Operation, Step } from '../../../src/recipe/types.ts';
import { StepFailedError } from '../../../src/workshop/provision/step-failed.ts';
import { createSuggestionRepair } from '../../../src/workshop/provision/suggest.ts';
import type { RepairAnswer, RepairRequest, RepairSource } from '../../../src/workshop/provision/types.ts';
import type { Program } from './paper-machine.ts';
import { named, paper, reader, recipe, type Paper } from './paper-run.ts';

interface Page {
  readonly page: number;
}

/** Enter turns the page; everything else is ignored. */
function book(...pages: readonly string[]): Program<Page> {
  return {
    start: { page: 0 },
    draw: ({ page }) => [pages[page] ?? ''],
    key: ({ page }, key) => ({ page: key === 'enter' ? page + 1 : page }),
  };
}

const turn = (id: string, when: string, expect: string, checkpoint = false): Step => ({
  id,
  when: { text: when },
  do: [{ key: 'enter' }],
  expect: { text: expect },
  ...(checkpoint && { checkpoint }),
});

/** The world has changed: the third page is called otherwise. */
const WORLD = book('First page', 'Second page', 'Another third page', 'Last page');
const STALE = [
  turn('one', 'First page', 'Second page', true),
  turn('two', 'Second page', 'Third page', true),
  turn('three', 'third page', 'Last page'),
];
const FIXED = { ...(STALE[1] ?? assert.fail()), expect: { text: 'Another third page' } };
const QUICK = { defaults: { timeout: '150ms', retries: 0 } } as const;

const replace = (old: Step | undefined, step: Step): Operation => ({
  op: 'replace-step',
  id: step.id,
  was: stepDigest(old ?? assert.fail()),
  step,
});

const patch = (
  operations: readonly Operation[],
  origin: 'trusted-patch' | 'human' = 'trusted-patch',
): RepairAnswer => ({
  kind: 'patch',
  operations,
  origin,
  patch: sha256('a record'),
  summary: 'the third page has another name',
});

/** Answers in turn, then nothing; remembers what it was asked. */
function source(name: string, answers: readonly (RepairAnswer | undefined)[]) {
  const asked: RepairRequest[] = [];
  const repairSource: RepairSource = {
    name,
    propose(request) {
      asked.push(request);
      return Promise.resolve(answers[asked.length - 1]);
    },
  };
  return Object.assign(repairSource, { asked });
}

const steps = (bench: Paper) =>
  named(bench.events, 'step-start').map((event) => (event.event === 'step-start' ? event.step : ''));

describe('repair', () => {
  let bench: Paper;
  beforeEach(() => {
    bench = paper(WORLD);
  });
  afterEach(() => bench.remove());

  it('applies a patch, goes back before the step it changes, and passes by itself', async () => {
    const store = source('store', [patch([replace(STALE[1], FIXED)])]);
    const { final, repairs, end } = await bench.run(recipe(STALE, QUICK), { sources: [store] });
    await end();
    assert.deepEqual(steps(bench), ['one', 'two', 'two', 'three']);
    assert.deepEqual(final.recipe.steps[1], FIXED);
    assert.deepEqual(bench.machines[1]?.pressed, ['enter', 'enter']);
    assert.deepEqual(
      named(bench.events, 'rolled-back').map((event) => event.event === 'rolled-back' && event.to),
      ['one'],
    );
    const [repair] = repairs;
    assert.equal(repairs.length, 1);
    assert.equal(repair?.stepId, 'two');
    assert.equal(repair?.source, 'store');
    assert.equal(repair?.origin, 'trusted-patch');
    assert.equal(repair?.patch, sha256('a record'));
    assert.equal(repair?.base.of.digest, recipe(STALE, QUICK).of.digest);
  });

  it('tells the sources what they need to know', async () => {
    const store = source('store', [patch([replace(STALE[1], FIXED)])]);
    const resolved = recipe(STALE, QUICK);
    await (await bench.run(resolved, { sources: [store] })).end();
    const [request] = store.asked;
    assert.equal(request?.resolved, resolved);
    assert.deepEqual(request?.step, STALE[1]);
    assert.equal(request?.failure.stepDigest, stepDigest(STALE[1] ?? assert.fail()));
    assert.deepEqual(request?.failure.expected, { text: 'Third page' });
    assert.equal(request?.failure.seen.lines[0]?.trim(), 'Another third page');
    assert.deepEqual(request?.checkpoints, [null, 'one']);
    assert.equal(request?.attempt, 1);
  });

  it('goes back to power-on for a patch of the first step, though later checkpoints exist', async () => {
    const first = { ...(STALE[0] ?? assert.fail()), summary: 'reworded' };
    const store = source('store', [patch([replace(STALE[0], first), replace(STALE[1], FIXED)])]);
    await (await bench.run(recipe(STALE, QUICK), { sources: [store] })).end();
    assert.deepEqual(steps(bench), ['one', 'two', 'one', 'two', 'three']);
  });

  it('asks the sources in their order until one answers', async () => {
    const [first, second] = [source('first', []), source('second', [patch([replace(STALE[1], FIXED)])])];
    const third = source('third', [{ kind: 'abort', reason: 'not needed' }]);
    await (await bench.run(recipe(STALE, QUICK), { sources: [first, second, third] })).end();
    assert.deepEqual(
      [first, second, third].map(({ asked }) => asked.length),
      [1, 1, 0],
    );
  });

  it('threat 28: takes back a patch that did not help, and asks about the original step again', async () => {
    const worse = { ...(STALE[1] ?? assert.fail()), expect: { text: 'Chapter three' } };
    const store = source('store', [patch([replace(STALE[1], worse)]), patch([replace(STALE[1], FIXED)])]);
    const { final, repairs, end } = await bench.run(recipe(STALE, QUICK), { sources: [store] });
    await end();
    assert.deepEqual(store.asked[1]?.step, STALE[1]);
    assert.equal(store.asked[1]?.attempt, 2);
    assert.deepEqual(final.recipe.steps[1], FIXED);
    assert.equal(repairs.length, 1);
    assert.equal(repairs[0]?.base.of.digest, recipe(STALE, QUICK).of.digest);
  });

  it('does not try again what did not help', async () => {
    const worse = patch([replace(STALE[1], { ...(STALE[1] ?? assert.fail()), expect: { text: 'Chapter three' } })]);
    const store = source('store', [worse, worse, worse]);
    await assert.rejects(bench.run(recipe(STALE, QUICK), { sources: [store] }), StepFailedError);
    assert.equal(bench.machines.length, 2);
  });

  it('keeps what a person changed, though it was not enough', async () => {
    const half = { ...(STALE[1] ?? assert.fail()), summary: 'half' };
    const store = source('person', [patch([replace(STALE[1], half)], 'human'), patch([replace(half, FIXED)], 'human')]);
    const { repairs, end } = await bench.run(recipe(STALE, QUICK), { sources: [store] });
    await end();
    assert.deepEqual(store.asked[1]?.step, half);
    assert.equal(repairs.length, 2);
  });

  it('passes over a patch that does not fit, and says why', async () => {
    const misfit: Operation = { op: 'replace-step', id: 'two', was: sha256('another step'), step: FIXED };
    const [bad, good] = [source('bad', [patch([misfit])]), source('good', [patch([replace(STALE[1], FIXED)])])];
    await (await bench.run(recipe(STALE, QUICK), { sources: [bad, good] })).end();
    const said = named(bench.events, 'repair').map((event) => (event.event === 'repair' ? event.summary : ''));
    assert.match(said[0] ?? '', /not applied, .*not the one that the patch was made against/);
  });

  it('refuses a patch that changes what the machine is', async () => {
    const operations: Operation[] = [
      { op: 'set', path: ['machine', 'cpus'], was: null, value: 4 },
      replace(STALE[1], FIXED),
    ];
    const bad = source('bad', [patch(operations)]);
    await assert.rejects(bench.run(recipe(STALE, QUICK), { sources: [bad] }), StepFailedError);
    const said = named(bench.events, 'repair').map((event) => (event.event === 'repair' ? event.summary : ''));
    assert.match(said[0] ?? '', /changes "machine"/);
    assert.equal(bench.machines.length, 1);
  });

  it('asks a person again whose change cannot be applied', async () => {
    const misfit = patch([{ op: 'replace-step', id: 'two', was: sha256('another step'), step: FIXED }], 'human');
    const person = source('person', [misfit, patch([replace(STALE[1], FIXED)], 'human')]);
    await (await bench.run(recipe(STALE, QUICK), { sources: [person] })).end();
    assert.equal(person.asked.length, 2);
  });

  it('tries again, goes back, or ends, as it is told', async () => {
    const person = source('person', [
      { kind: 'retry' },
      { kind: 'rollback', to: null },
      { kind: 'abort', reason: 'enough' },
    ]);
    await assert.rejects(bench.run(recipe(STALE, QUICK), { sources: [person] }), /was ended: enough/);
    assert.deepEqual(
      named(bench.events, 'rolled-back').map((event) => event.event === 'rolled-back' && event.to),
      ['one', null],
    );
    assert.deepEqual(steps(bench), ['one', 'two', 'two', 'one', 'two']);
  });

  it('gives up after a bounded number of repairs', async () => {
    const stubborn: RepairSource = { name: 'stubborn', propose: () => Promise.resolve({ kind: 'retry' }) };
    await assert.rejects(bench.run(recipe(STALE, QUICK), { sources: [stubborn] }), /after 8 repairs that did not help/);
  });

  it('does not ask about a step that is to fail', async () => {
    const person = source('person', [{ kind: 'retry' }]);
    const failing = STALE.map((step) => ({ ...step, on_fail: 'fail' as const }));
    await assert.rejects(bench.run(recipe(failing, QUICK), { sources: [person] }), StepFailedError);
    assert.equal(person.asked.length, 0);
  });

  it('ends for good where nobody can help, with all that explains it', async () => {
    await assert.rejects(bench.run(recipe(STALE, QUICK)), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.match(error.message, /^the step "two" failed and nobody is there to mend it: the text "Third page"/);
      assert.equal(error.failure.stepId, 'two');
      return true;
    });
  });
});

describe('suggestions', () => {
  let bench: Paper;
  afterEach(() => bench.remove());

  it('reword a prompt as it now stands on the screen, and the step after it that begins with it', async () => {
    bench = paper(book('First page', 'Second page', '| Chapter three: choose a page |', 'Last page'));
    const stale = [
      turn('one', 'First page', 'Second page', true),
      turn('two', 'Second page', 'Chapter 3: choose page'),
      turn('three', 'Chapter 3: choose page', 'Last page'),
    ];
    const { final, repairs, end } = await bench.run(recipe(stale, QUICK), {
      sources: [createSuggestionRepair(reader)],
    });
    await end();
    assert.deepEqual(final.recipe.steps[1]?.expect, { text: 'Chapter three: choose a page' });
    assert.deepEqual(final.recipe.steps[2]?.when, { text: 'Chapter three: choose a page' });
    assert.equal(repairs[0]?.origin, 'suggestion');
  });

  it('rename a menu entry', async () => {
    bench = paper({
      start: { typed: '' },
      draw: ({ typed }) => (typed.includes('English - C') ? ['Done'] : ['Languages', 'English - C', 'Deutsch']),
      key: ({ typed }, key) => ({ typed: typed + key }),
    });
    const choose: Step = {
      id: 'language',
      when: { text: 'Languages' },
      do: [{ menu: 'English (C)' }],
      expect: { text: 'Done' },
    };
    const { final, end } = await bench.run(recipe([choose], QUICK), { sources: [createSuggestionRepair(reader, 0.5)] });
    await end();
    assert.deepEqual(final.recipe.steps[0]?.do, [{ menu: 'English - C' }]);
  });

  it('offer nothing that is not near', async () => {
    bench = paper(book('First page', 'Second page', 'Kernel panic - not syncing'));
    await assert.rejects(
      bench.run(recipe(STALE, QUICK), { sources: [createSuggestionRepair(reader)] }),
      /nobody could mend it/,
    );
  });
});
