/** Whose rules decide about a patch: those of everybody who published the recipe, and the strictest of them. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { sha256, type Digest } from '../../src/crypto/digest.ts';
import { withdrawalDraft } from '../../src/exchange/record/index.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { openHome } from '../../src/node/home.ts';
import { openSession, type Session } from '../../src/node/session.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { stepDigest } from '../../src/recipe/digest.ts';
import type { CheckedRecipe, Operation } from '../../src/recipe/types.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { Peer } from './peers-records.ts';

const signal = new AbortController().signal;

const recipeNamed = (name: string): CheckedRecipe =>
  parseRecipe(`recipe: 1
name: ${name}
version: 1.0.0
machine: { arch: x86_64, memory: 128M }
steps:
  - { id: a, expect: { text: Installed } }
`);

const step = recipeNamed('x').recipe.steps[0] ?? assert.fail('a step');
const reworded: readonly Operation[] = [
  { op: 'replace-step', id: 'a', was: stepDigest(step), step: { id: 'a', expect: { text: 'All is installed' } } },
];

interface Offer {
  readonly record: Digest;
  readonly decision: { readonly apply: string; readonly because: readonly string[] };
}

describe('who decides about a patch', function () {
  this.timeout(30_000);
  let test: TestHome;
  let session: Session;
  let alice: Peer;
  let mallory: Peer;

  /** Mallory's id sorts before alice's, so that whoever takes one author only takes the wrong one. */
  beforeEach(async () => {
    test = await tempHome();
    await openHome(test.home);
    await createIdentity(test.home);
    const peers = [new Peer(1), new Peer(2)].sort((a, b) => (a.id < b.id ? -1 : 1));
    [mallory, alice] = [peers[0] ?? assert.fail(), peers[1] ?? assert.fail()];
  });
  afterEach(async () => {
    await session.close();
    await test.remove();
  });

  const open = async (rules: string): Promise<void> => {
    const peers = `peers:\n  alice: { id: "${alice.id}" }\n  mallory: { id: "${mallory.id}" }\n`;
    await writeFile(test.home.policyFile, `${peers}rules:\n${rules}`);
    session = await openSession(test.home);
  };
  const automatic = (who: string): string =>
    `  - { recipes: ["${who}/*"], patches: { wording: { apply: auto, when: mallory } } }\n`;

  /** What policy says of the one patch for this recipe's step. */
  const offered = async (recipe: CheckedRecipe): Promise<string> => {
    const args = { source: recipe.source, step: 'a', symptom: sha256('symptom') };
    const found = (await runOperation(session, 'heal.candidates', args, signal)) as { candidates: Offer[] };
    assert.equal(found.candidates.length, 1);
    return found.candidates[0]?.decision.apply ?? assert.fail();
  };

  it('threat 27: somebody who publishes a copy of a recipe does not become the one whose rule applies', async () => {
    await open(automatic('mallory'));
    const recipe = recipeNamed('debian');
    await alice.recipe(session, recipe);
    await mallory.patch(session, recipe, reworded);
    assert.equal(await offered(recipe), 'ask');
    await mallory.recipe(session, recipe);
    assert.equal(await offered(recipe), 'ask');
  });

  it('lets the one rule apply where only one published it', async () => {
    await open(automatic('mallory'));
    const recipe = recipeNamed('debian');
    await mallory.recipe(session, recipe);
    await mallory.patch(session, recipe, reworded);
    assert.equal(await offered(recipe), 'auto');
  });

  it('threat 27: a patch that claims another base is judged by the rules of the recipe that is built', async () => {
    await open(`  - { recipes: ["alice/*"], patches: { wording: { apply: never } } }\n${automatic('mallory')}`);
    const recipe = recipeNamed('debian');
    await alice.recipe(session, recipe);
    await mallory.patch(session, recipe, reworded, { base: sha256('elsewhere') });
    assert.equal(await offered(recipe), 'never');
  });

  it('threat 27: a claimed patch does not take my own unpublished recipe away from my rules', async () => {
    await open(`  - { recipes: ["me/*"], patches: { wording: { apply: never } } }\n${automatic('mallory')}`);
    const [mine, theirs] = [recipeNamed('debian'), recipeNamed('trap')];
    await mallory.recipe(session, theirs);
    await mallory.patch(session, theirs, reworded, { result: mine.digest });
    await mallory.patch(session, mine, reworded);
    assert.equal(await offered(mine), 'never');
  });

  it('shows the inbox whatever is in it: a patch that does not fit its base has no class, and is not accepted', async () => {
    await open(automatic('mallory'));
    const recipe = recipeNamed('debian');
    await alice.recipe(session, recipe);
    const misfit: readonly Operation[] = [{ op: 'remove-step', id: 'a', was: sha256('another step') }];
    const bad = await mallory.patch(session, recipe, misfit, { result: sha256('claimed') });
    const good = await alice.patch(session, recipe, reworded);
    const items = (await runOperation(session, 'inbox.list', {}, signal)) as { record: Digest; changeClass: unknown }[];
    const classes = new Map(items.map(({ record, changeClass }) => [record, changeClass]));
    assert.deepEqual([classes.get(bad), classes.get(good)], [null, 'wording']);
    const shown = (await runOperation(session, 'inbox.show', { record: bad }, signal)) as { changes: string[] };
    assert.match(shown.changes.join(), /does not fit/);
    const why = (await runOperation(session, 'why', { record: bad }, signal)) as { decision: unknown };
    assert.equal(why.decision, null);
    await assert.rejects(runOperation(session, 'inbox.accept', { record: bad }, signal), {
      code: 'inbox/unknown-base',
    });
  });

  it('shows no class of a patch that calls its recipe by another name, and accepts none', async () => {
    await open(automatic('mallory'));
    const recipe = recipeNamed('debian');
    await alice.recipe(session, recipe);
    const id = await mallory.patch(session, recipe, reworded, { recipeName: 'harmless' });
    await assert.rejects(runOperation(session, 'inbox.accept', { record: id }, signal), { code: 'inbox/unknown-base' });
  });

  it('threat 7: a voice whose feed is frozen at a fork counts for nothing automatic', async () => {
    await open(automatic('mallory'));
    const recipe = recipeNamed('debian');
    await mallory.recipe(session, recipe);
    await mallory.patch(session, recipe, reworded);
    assert.equal(await offered(recipe), 'auto');
    const twin = new Peer(mallory.seed[0] ?? assert.fail());
    await assert.rejects(twin.recipe(session, recipeNamed('other')));
    assert.equal((await session.store.frozen()).length, 1);
    assert.equal(await offered(recipe), 'ask');
  });

  it('threat 7: what an author signs in another feed than the public one is no voice', async () => {
    await open(automatic('mallory'));
    const recipe = recipeNamed('debian');
    await mallory.recipe(session, recipe);
    const hidden = new Peer(mallory.seed[0] ?? assert.fail(), 'f'.repeat(32));
    await hidden.patch(session, recipe, reworded);
    const args = { source: recipe.source, step: 'a', symptom: sha256('symptom') };
    assert.deepEqual(await runOperation(session, 'heal.candidates', args, signal), { candidates: [], unfit: [] });
  });

  it('gives the operations of no patch that policy or I said never to, for a file neither', async () => {
    await open(`  - { recipes: ["alice/*"], patches: { wording: { apply: never } } }\n${automatic('mallory')}`);
    const [theirs, own] = [recipeNamed('debian'), recipeNamed('grub')];
    await alice.recipe(session, theirs);
    await mallory.recipe(session, own);
    const get = (record: Digest) => runOperation(session, 'patch.get', { record }, signal);
    await assert.rejects(get(await mallory.patch(session, theirs, reworded)), { code: 'inbox/never' });
    const fine = await mallory.patch(session, own, reworded);
    assert.partialDeepStrictEqual(await get(fine), { base: own.digest, operations: reworded });
    await runOperation(session, 'inbox.reject', { record: fine }, signal);
    await assert.rejects(get(fine), { code: 'inbox/never' });
  });

  describe('a published recipe', () => {
    it('is found by digest past a record whose text has another one', async () => {
      await open(automatic('mallory'));
      const recipe = recipeNamed('debian');
      await alice.recipe(session, recipe);
      await mallory.recipe(session, recipeNamed('filler'));
      await mallory.recipe(session, { ...recipeNamed('trap'), digest: recipe.digest });
      const found = (await runOperation(session, 'recipe.get', { recipe: recipe.digest }, signal)) as { yaml: string };
      assert.equal(found.yaml, recipe.source);
    });

    it('is refused where the record calls it by another name than its text', async () => {
      await open(automatic('mallory'));
      await mallory.recipe(session, recipeNamed('trap'), { name: 'debian' });
      await assert.rejects(runOperation(session, 'recipe.get', { recipe: 'mallory/debian' }, signal), {
        code: 'recipe/wrong-name',
      });
    });

    it('is not offered by its name once its author has withdrawn it', async () => {
      await open(automatic('mallory'));
      const recipe = recipeNamed('debian');
      const record = await alice.recipe(session, recipe);
      await alice.publish(session, withdrawalDraft({ of: record, reason: 'it is broken' }));
      await assert.rejects(runOperation(session, 'recipe.get', { recipe: 'alice/debian' }, signal), {
        code: 'recipe/withdrawn',
      });
    });
  });
});
