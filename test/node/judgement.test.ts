/** The person's own decisions: above policy, and never a way in for strangers. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { VerifiedRecord } from '../../src/exchange/record/types.ts';
import { recipeDraft } from '../../src/exchange/record/index.ts';
import type { Candidate, Unfit } from '../../src/heal/index.ts';
import { symptomOf } from '../../src/heal/index.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { recipeAuthors } from '../../src/node/judgement.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, type Session } from '../../src/node/session.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import type { Answer } from '../support/cli.ts';
import { author, patchBy, type TestAuthor } from '../heal/patches.ts';
import { digestOfStep, replace, sample, stepOf } from '../recipe/fixtures.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const signal = new AbortController().signal;
const recipe = sample();
const [alice, mallory] = [author(1), author(2)];
const operations = [replace(recipe, 'language', { expect: { text: 'Where do you live?' } })];
const symptom = symptomOf('portalgun', digestOfStep(recipe, 'language'), stepOf(recipe, 'language').expect!);

function patchOf(person: TestAuthor): VerifiedRecord {
  const result = applyOperations(recipe, operations).digest;
  return patchBy(person, { base: recipe.digest, result, operations, symptom }, { network: 'portalgun' }).record;
}

const policyWith = (rest: string): string => `peers: { alice: { id: "${alice.id}" } }\n${rest}`;

describe('a personal decision', function () {
  this.timeout(30_000);
  let test: TestHome;
  let session: Session;

  beforeEach(async () => {
    test = await tempHome();
    await openHome(test.home);
    await createIdentity(test.home);
    await writeFile(test.home.policyFile, policyWith(''));
    session = await openSession(test.home);
    const { name, version } = recipe.recipe;
    const published = recipeDraft({ name, version, digest: recipe.digest, yaml: recipe.source });
    await session.store.append(session.identity, 'public', published);
    // A stranger's record comes in only where policy follows its author: here it is there from an earlier time.
    for (const person of [alice, mallory]) {
      const admission = await session.store.admit(patchOf(person).envelope, { follows: () => true });
      assert.equal(admission.result, 'admitted');
    }
  });
  afterEach(async () => {
    await session.close();
    await test.remove();
  });

  const run = (name: string, args: object): Promise<Answer> => runOperation(session, name, args, signal);
  const applied = async (record: VerifiedRecord): Promise<string | undefined> => {
    const args = { source: recipe.source, step: 'language', symptom };
    const found: { candidates: Candidate[]; unfit: Unfit[] } = await run('heal.candidates', args);
    assert.deepEqual(found.unfit, []);
    return found.candidates.find((one) => one.record === record.id)?.decision.apply;
  };

  it('to accept stands above what policy asks about', async () => {
    const patch = patchOf(alice);
    assert.equal(await applied(patch), 'ask');
    await run('inbox.accept', { record: patch.id });
    assert.equal(await applied(patch), 'auto');
    const { decision } = await run('why', { record: patch.id });
    assert.equal(decision.because.at(-1), 'You accepted it in the inbox.');
  });

  it('to reject stands above what policy would do by itself', async () => {
    const rule = 'rules:\n  - { recipes: ["*/*"], patches: { wording: { apply: auto, when: alice } } }\n';
    await writeFile(test.home.policyFile, policyWith(rule));
    const patch = patchOf(alice);
    await run('inbox.reject', { record: patch.id });
    assert.equal(await applied(patch), 'never');
    await run('inbox.accept', { record: patch.id }); // and may be changed
    assert.equal(await applied(patch), 'auto');
  });

  it('cannot be made for a stranger, and does not count where it was made before they became one', async () => {
    const patch = patchOf(mallory);
    assert.equal(await applied(patch), 'never');
    await assert.rejects(run('inbox.accept', { record: patch.id }), { code: 'inbox/never', exitCode: 3 });
    await session.store.notes.put(`inbox/${patch.id}`, 'accepted');
    assert.equal(await applied(patch), 'never');
  });

  it('cannot be made where policy says never', async () => {
    await writeFile(test.home.policyFile, policyWith('defaults: { patches: never, versions: ask }\n'));
    const patch = patchOf(alice);
    await assert.rejects(run('inbox.accept', { record: patch.id }), { code: 'inbox/never' });
    assert.equal(await applied(patch), 'never');
  });

  it('survives the process', async () => {
    const patch = patchOf(alice);
    await run('inbox.accept', { record: patch.id });
    await session.close();
    session = await openSession(test.home);
    assert.equal(await applied(patch), 'auto');
    assert.equal((await run('inbox.list', {})).find(({ record }: Answer) => record === patch.id).state, 'accepted');
  });

  it('names a recipe after who published it, and its patched forms too', async () => {
    const authors = await recipeAuthors(session);
    assert.equal(authors(recipe.digest), session.identity.author);
    assert.equal(authors(applyOperations(recipe, operations).digest), session.identity.author);
    assert.equal(authors(digestOfStep(recipe, 'language')), undefined);
  });
});
