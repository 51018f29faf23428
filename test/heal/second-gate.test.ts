/**
 * The second gate: whatever policy says and however many signed, a patch counts for nothing before a build here, untouched
 * and by itself, has met every expectation with it. Policy, records, candidates and engine are the real ones.
 */
import assert from 'node:assert/strict';
import { decide, parsePolicy, voicesFor } from '../../src/exchange/trust/index.ts';
import { candidatesFor, peerRepairs, symptomOf, type Candidate, type PublishedPatch } from '../../src/heal/index.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import { mergePatches } from '../../src/recipe/merge.ts';
import { stepDigest } from '../../src/recipe/digest.ts';
import type { CheckedRecipe, Operation, Step } from '../../src/recipe/types.ts';
import type { RunResult } from '../../src/workshop/provision/engine.ts';
import { StepFailedError } from '../../src/workshop/provision/step-failed.ts';
import type { Program } from '../workshop/provision/paper-machine.ts';
import { named, paper, recipe, type Paper } from '../workshop/provision/paper-run.ts';
import { author, patchBy } from './patches.ts';

const [ALICE, BOB, ME] = [author(1), author(2), author(9)];

/** As much as a policy can say: everything that can be automatic is, with any one voice. */
const PEERS = `peers: { alice: { id: "${ALICE.id}" }, bob: { id: "${BOB.id}" } }\n`;
const AUTO = '{ apply: auto, when: { k: 1, of: [alice, bob] } }';
const POLICY = parsePolicy(
  `${PEERS}rules: [{ recipes: ["*/*"], patches: { wording: ${AUTO}, choices: ${AUTO}, sends: ${AUTO} }, versions: ${AUTO} }]\n`,
  'p.yaml',
);

interface Page {
  readonly page: number;
}

/** The world has changed: two pages are called otherwise. Enter turns the page. */
const PAGES = ['First page', 'Renamed second page', 'Renamed third page', 'Last page'];
const WORLD: Program<Page> = {
  start: { page: 0 },
  draw: ({ page }) => [PAGES[page] ?? ''],
  key: ({ page }, key) => ({ page: key === 'enter' ? page + 1 : page }),
};
const turn = (id: string, when: string, expect: string): Step => ({
  id,
  when: { text: when },
  do: [{ key: 'enter' }],
  expect: { text: expect },
});
const STEPS = [
  turn('one', 'First page', 'Second page'),
  turn('two', 'second page', 'Third page'),
  turn('three', 'third page', 'Last page'),
] as const;
const QUICK = { defaults: { timeout: '150ms', retries: 0 } } as const;
const STARTED = recipe(STEPS, QUICK);

const reworded = (step: Step, text: string): readonly Operation[] => [
  { op: 'replace-step', id: step.id, was: stepDigest(step), step: { ...step, expect: { text } } },
];

function signed(by: typeof ALICE, operations: readonly Operation[]): PublishedPatch {
  const base: CheckedRecipe = STARTED.of;
  const { digest: result } = applyOperations(base, operations);
  return patchBy(by, { recipeName: 'paper', base: base.digest, result, operations });
}

describe('the second gate', () => {
  let bench: Paper;
  beforeEach(() => {
    bench = paper(WORLD);
  });
  afterEach(() => bench.remove());

  /** A build with these patches in the store; `tried`: what policy let run by itself. */
  async function build(
    patches: readonly PublishedPatch[],
  ): Promise<{ tried: Candidate[]; result: Promise<RunResult> }> {
    const tried: Candidate[] = [];
    const { sources } = peerRepairs({
      passedOver: () => undefined,
      lookup: async ({ resolved, step }) => {
        const expected = step.expect ?? assert.fail();
        const failing = {
          recipe: resolved.of,
          started: STARTED.of,
          stepId: step.id,
          symptom: symptomOf('test', stepDigest(step), expected),
        };
        const found = candidatesFor(failing, patches, (patch, changeClass) =>
          decide(POLICY, {
            about: 'patch',
            record: patch.record.id,
            recipeAuthor: ALICE.id,
            recipeName: 'paper',
            recordAuthor: patch.record.link.author,
            changeClass,
            voices: voicesFor(patch, patches, () => false),
            self: ME.id,
          }),
        );
        tried.push(...found.candidates.filter(({ decision }) => decision.apply === 'auto'));
        return found;
      },
    });
    const result = bench.run(STARTED, { sources });
    await result.catch(() => undefined);
    return { tried, result };
  }

  const steps = () =>
    named(bench.events, 'step-start').map((event) => (event.event === 'step-start' ? event.step : ''));

  it('threat 27: holds back a patch that policy applies by itself and that does not do what it says', async () => {
    const { tried, result } = await build([signed(ALICE, reworded(STEPS[0], 'Nothing of the kind'))]);
    assert.ok(tried.length > 0, 'policy let it run by itself');
    await assert.rejects(result, StepFailedError);
  });

  it('runs what patches of several authors make together, untouched, before it is the result', async () => {
    const alices = signed(ALICE, reworded(STEPS[0], 'Renamed second page'));
    const bobs = signed(BOB, reworded(STEPS[1], 'Renamed third page'));
    const { result } = await build([alices, bobs]);
    const { final, repairs, end } = await result;
    await end();
    assert.deepEqual(
      repairs.map(({ patch }) => patch),
      [alices.record.id, bobs.record.id],
    );
    // After the last change all of it is run once more: there is no checkpoint before the first step that was changed.
    const after = steps().slice(steps().lastIndexOf('one'));
    assert.deepEqual(after, ['one', 'two', 'three']);
    const { merged, result: whole } = mergePatches(STARTED.of, [
      { id: 'a', operations: alices.meaning.operations },
      { id: 'b', operations: bobs.meaning.operations },
    ]);
    assert.equal(merged.length, 2);
    assert.equal(final.digest, whole.digest);
  });

  it('threat 27: holds back a merged patch as well: one good half does not carry the other', async () => {
    const alices = signed(ALICE, reworded(STEPS[0], 'Renamed second page'));
    const bobs = signed(BOB, reworded(STEPS[1], 'Nothing of the kind'));
    const { tried, result } = await build([alices, bobs]);
    const merged = tried.find(({ record }) => record === bobs.record.id);
    assert.ok(merged?.sameBase, 'policy let the merged one run by itself');
    await assert.rejects(result, StepFailedError);
    assert.ok(steps().includes('two'), 'the first half was good');
  });

  it('has no switch: a policy that would open it is no policy', () => {
    const rule = (text: string): string => `${PEERS}rules: [{ recipes: ["*/*"], ${text} }]\n`;
    for (const text of [
      `${PEERS}builds: never\n`,
      `${PEERS}defaults: { patches: auto }\n`,
      `${PEERS}defaults: { patches: ask, versions: ask, builds: skip }\n`,
      rule('patches: { wording: { apply: replace, when: alice } }'),
      rule('patches: { wording: { apply: auto, when: alice, untested: true } }'),
      rule('patches: { wording: { apply: auto, when: alice } }, build: skip'),
      rule('patches: { authority: { apply: auto, when: alice } }'),
    ])
      assert.throws(() => parsePolicy(text, 'p.yaml'), { code: 'policy/invalid' }, text);
  });
});
