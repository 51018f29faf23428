/** Patches of several authors that make different things of one step: nothing is chosen for the person. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { patchReview, type ReviewedPatch } from '../../src/cli/patch-review.ts';
import type { Digest } from '../../src/crypto/digest.ts';
import { endorsementDraft, failureDraft, withdrawalDraft } from '../../src/exchange/record/index.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, type Session } from '../../src/node/session.ts';
import { MAX_MERGED_PATCHES } from '../../src/recipe/limits.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import type { CheckedRecipe, Operation } from '../../src/recipe/types.ts';
import { assertDocumented } from '../docs/documented.ts';
import { recipeOf, replace } from '../recipe/fixtures.ts';
import { cli, errorOf, json } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { Peer } from './peers-records.ts';

const signal = new AbortController().signal;

const recipe: CheckedRecipe = parseRecipe(
  recipeOf(
    '  - { id: ask, when: { text: "Choose the language" }, do: [{ key: enter }], expect: { text: Installed } }\n' +
      '  - { id: end, expect: { text: the end } }\n',
  ),
);
const awaits = (text: string): readonly Operation[] => [replace(recipe, 'ask', { expect: { text } })];

interface Shown {
  readonly decision: { readonly apply: string };
  readonly conflicts: readonly {
    readonly place: string;
    readonly was: string;
    readonly sides: readonly { readonly words: string; readonly patches: readonly { readonly from: string }[] }[];
  }[];
  readonly rivals: readonly {
    readonly record: Digest;
    readonly voices: readonly { readonly from: string; readonly stance: string; readonly basis: string }[];
  }[];
  readonly notCompared: number;
}

describe('patches that contradict each other', function () {
  this.timeout(60_000);
  let test: TestHome;
  let session: Session;
  let [alice, bob, carol, stranger] = [new Peer(1), new Peer(2), new Peer(3), new Peer(4)];

  beforeEach(async () => {
    [alice, bob, carol, stranger] = [new Peer(1), new Peer(2), new Peer(3), new Peer(4)];
    test = await tempHome();
    await openHome(test.home);
    await createIdentity(test.home);
    await writeFile(
      test.home.policyFile,
      `peers: { alice: { id: "${alice.id}" }, bob: { id: "${bob.id}" }, carol: { id: "${carol.id}" } }\n` +
        'rules: [{ recipes: ["alice/*"], patches: { wording: { apply: auto, when: { k: 1, of: [alice, bob, carol] } } } }]\n',
    );
    session = await openSession(test.home);
    await alice.recipe(session, recipe);
  });
  afterEach(async () => {
    await session.close();
    await test.remove();
  });

  const ask = <T>(name: string, args: object): Promise<T> => runOperation(session, name, args, signal) as Promise<T>;
  const show = (record: Digest): Promise<Shown> => ask('inbox.show', { record });
  const contradictions = async (): Promise<Map<Digest, readonly Digest[]>> => {
    const items = await ask<{ record: Digest; contradictedBy: readonly Digest[] }[]>('inbox.list', {});
    return new Map(items.map(({ record, contradictedBy }) => [record, contradictedBy]));
  };

  it('threat 14: are shown place by place with everybody’s voices, and neither is applied by itself', async () => {
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    assert.equal((await show(alices)).decision.apply, 'auto');
    const bobs = await bob.patch(session, recipe, awaits('Installation complete'));
    await carol.publish(session, endorsementDraft({ of: bobs, reviewed: 'human', attestation: null }));
    const { decision, conflicts, rivals, notCompared } = await show(alices);
    assert.equal(decision.apply, 'ask');
    assert.equal((await show(bobs)).decision.apply, 'ask');
    assert.equal(notCompared, 0);
    assert.deepEqual(
      conflicts.map(({ place }) => place),
      ['step ask'],
    );
    assert.match(conflicts[0]?.was ?? '', /expect the text "Installed"/);
    const sides =
      conflicts[0]?.sides.map(({ words, patches }) => [patches.map(({ from }) => from).join(), words]) ?? [];
    assert.match(new Map(sides as [string, string][]).get('alice') ?? '', /All is installed/);
    assert.match(new Map(sides as [string, string][]).get('bob') ?? '', /Installation complete/);
    assert.deepEqual(
      rivals.map(({ record }) => record),
      [bobs],
    );
    assert.deepEqual(rivals[0]?.voices.map(({ from, stance, basis }) => `${from} ${stance} ${basis}`).sort(), [
      'alice against contradicting-patch',
      'bob for author',
      'carol for reviewed-human',
    ]);
    const both = await contradictions();
    assert.deepEqual([both.get(alices), both.get(bobs)], [[bobs], [alices]]);
  });

  it('are chosen between by the person: both cannot be accepted', async () => {
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    const bobs = await bob.patch(session, recipe, awaits('Installation complete'));
    await ask('inbox.accept', { record: alices });
    await assert.rejects(ask('inbox.accept', { record: bobs }), { code: 'inbox/contradicts', exitCode: 3 });
    await ask('inbox.reject', { record: alices });
    assert.deepEqual((await contradictions()).get(bobs), []);
    await ask('inbox.accept', { record: bobs });
  });

  it('are not those of strangers, nor what was taken back, nor what says the same', async () => {
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    await stranger.patch(session, recipe, awaits('Anything'));
    await carol.patch(session, recipe, awaits('All is installed'));
    const bobs = await bob.patch(session, recipe, awaits('Installation complete'));
    assert.deepEqual((await contradictions()).get(alices), [bobs]);
    await bob.publish(session, withdrawalDraft({ of: bobs, reason: 'wrong' }));
    assert.deepEqual((await contradictions()).get(alices), []);
    assert.equal((await show(alices)).decision.apply, 'auto');
  });

  it('threat 27: are compared up to a limit, however many a peer publishes', async () => {
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    const result = applyOperations(recipe, awaits('x')).digest;
    const ids = [alices];
    for (let number = 0; number <= MAX_MERGED_PATCHES; number += 1)
      ids.push(await bob.patch(session, recipe, awaits(`text ${number}`), { result }));
    const { notCompared, rivals, decision } = await show(alices);
    assert.ok(notCompared > 0 && rivals.length <= 8, `${notCompared} ${rivals.length}`);
    assert.equal(decision.apply, 'ask');
    assert.equal((await contradictions()).size, MAX_MERGED_PATCHES + 2);
    // Said of one that contradicts none of those that were compared, too.
    const later = await carol.patch(session, recipe, [replace(recipe, 'end', { expect: { text: 'all over' } })]);
    const shown = await show(later);
    assert.deepEqual(shown.conflicts, []);
    assert.match(patchReview(shown as ReviewedPatch).join('\n'), /^\d+ more patches .* were not compared with it\.$/m);
    // What the person has accepted is among them, wherever its id sorts.
    const [first, last] = [ids.toSorted()[0], ids.toSorted().at(-1)];
    await ask('inbox.accept', { record: last });
    await assert.rejects(ask('inbox.accept', { record: first }), { code: 'inbox/contradicts' });
  });

  it('are written into a file together where they touch different things, and else not at all', async () => {
    const later = [replace(recipe, 'end', { expect: { text: 'all over' } })];
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    const bobs = await bob.patch(session, recipe, awaits('Installation complete'));
    const carols = await carol.patch(session, recipe, later);
    await session.close();
    const file = path.join(test.folder, 'mine.yaml');
    await writeFile(file, recipe.source);
    const refused = await errorOf(test, ['recipe', 'apply', alices, file, '--with', carols, bobs], 3);
    assert.equal(refused.code, 'recipe/patches-conflict');
    assert.match(refused.message, /step ask/);
    assert.equal(await readFile(file, 'utf8'), recipe.source);
    const { to } = await json(test, ['recipe', 'apply', alices, file, '--with', carols]);
    assert.equal(to, applyOperations(recipe, [...awaits('All is installed'), ...later]).digest);
    assert.equal(parseRecipe(await readFile(file, 'utf8')).digest, to);
    session = await openSession(test.home);
  });

  it('are not written into a file where one gives another recipe than it claims, alone or with others', async () => {
    const lie = await alice.patch(session, recipe, awaits('All is installed'), { result: recipe.digest });
    const good = await carol.patch(session, recipe, [replace(recipe, 'end', { expect: { text: 'all over' } })]);
    await session.close();
    const file = path.join(test.folder, 'mine.yaml');
    await writeFile(file, recipe.source);
    for (const args of [
      [lie, file],
      [good, file, '--with', lie],
    ])
      assert.equal((await errorOf(test, ['recipe', 'apply', ...args], 3)).code, 'recipe/wrong-result');
    assert.equal(await readFile(file, 'utf8'), recipe.source);
    session = await openSession(test.home);
  });

  it('are answered with the fields that docs/cli.md names', async () => {
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    await bob.patch(session, recipe, awaits('Installation complete'));
    await session.close();
    const file = path.join(test.folder, 'patch.json');
    for (const args of [
      ['inbox', 'list'],
      ['inbox', 'show', alices],
      ['inbox', 'accept', alices],
      ['inbox', 'reject', alices],
      ['why', alices, '--proof', file],
      ['why', 'alice/small'],
      ['verify', file],
    ])
      assertDocumented(args, await json(test, args));
    session = await openSession(test.home);
  });

  it('read like a review, in 80 columns', async () => {
    const alices = await alice.patch(session, recipe, awaits('All is installed'));
    await bob.patch(session, recipe, awaits('Installation complete'));
    await carol.publish(
      session,
      failureDraft({
        recipeName: 'small',
        recipe: applyOperations(recipe, awaits('All is installed')).digest,
        failedSteps: ['ask'],
        symptom: null,
      }),
    );
    await session.close();
    const { stdout, code } = await cli(test, ['inbox', 'show', alices]);
    assert.equal(code, 0, stdout);
    for (const words of [
      /^CONFLICT/m,
      /^step ask$/m,
      /^ {2}alice, this patch/m,
      /^against .*carol \(a build with it failed/m,
    ])
      assert.match(stdout, words);
    assert.match(stdout, /\[wording\]/);
    assert.match(stdout, /Class: wording \(what is looked for\)/);
    const long = stdout.split('\n').filter((line) => line.length > 80 && !/^\w+ +(sha256|ed25519):/.test(line));
    assert.deepEqual(long, []);
    const list = await cli(test, ['inbox', 'list']);
    assert.match(list.stdout, / conflict /);
    session = await openSession(test.home);
  });
});
