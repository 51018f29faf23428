/** A build in a real VM that the patches of several authors mend, each made against the recipe that it began with. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { openSession } from '../../src/node/session.ts';
import { classOf } from '../../src/recipe/classify.ts';
import { diffRecipes } from '../../src/recipe/diff.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe } from '../../src/recipe/types.ts';
import { Peer } from '../node/peers-records.ts';
import { json, jsonLines, type Answer } from '../support/cli.ts';
import { grubRecipe, needBuilds, OLDER_WORDS, PRESENT_WORDS, STALE } from '../support/grub.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

type Change = readonly [text: string, replacement: string];

const PLATFORM: Change = ['expect: { text: i386/pc }', 'expect: { text: i386-pc, timeout: 5s }'];
const VARIABLE: Change = ["expect: { text: '{{greeting}}-gun' }", 'expect: { text: portal-pistol, timeout: 5s }'];

describe('patches of two authors on one base', function () {
  this.timeout(600_000);
  let bob: TestHome;
  let [alice, dave] = [new Peer(1), new Peer(2)];

  before(async function () {
    await needBuilds(this);
  });

  beforeEach(async () => {
    [alice, dave] = [new Peer(1), new Peer(2)];
    bob = await tempHome();
    await openHome(bob.home);
    await createIdentity(bob.home);
    const either = 'apply: auto, when: { k: 1, of: [alice, dave] }';
    await writeFile(
      bob.home.policyFile,
      `peers: { alice: { id: "${alice.id}" }, dave: { id: "${dave.id}" } }\n` +
        `rules: [{ recipes: ["alice/*"], patches: { wording: { ${either} }, sends: { ${either} } } }]\n`,
    );
  });
  afterEach(() => bob.remove());

  /** What a peer who mends these steps publishes: the operations from `base` to the recipe with other texts in it. */
  const mending = (base: CheckedRecipe, ...changes: readonly Change[]) => {
    let yaml = base.source;
    for (const [text, replacement] of changes) {
      assert.ok(yaml.includes(text), text);
      yaml = yaml.replaceAll(text, replacement);
    }
    return diffRecipes(base, parseRecipe(yaml));
  };

  const published = async (base: CheckedRecipe, by: readonly (readonly [Peer, readonly Change[]])[]) => {
    const session = await openSession(bob.home);
    try {
      await alice.recipe(session, base);
      const patches: string[] = [];
      for (const [peer, changes] of by) patches.push(await peer.patch(session, base, mending(base, ...changes)));
      return patches;
    } finally {
      await session.close();
    }
  };

  // A patch also takes back the short patience that makes its step fail soon: the mended step may take its time.
  const words: Change = [`'${OLDER_WORDS}', timeout: 5s`, `'${PRESENT_WORDS}'`];

  it('heal one build together, and what it ends with is what both say', async () => {
    const file = await grubRecipe(bob, [...STALE, PLATFORM]);
    const base = parseRecipe(await readFile(file, 'utf8'));
    const platform: Change = ['text: i386-pc, timeout: 5s', 'text: i386/pc'];
    const [first, second] = await published(base, [
      [alice, [words]],
      [dave, [platform]],
    ]);
    const events = await jsonLines(bob, ['build', file, '--repair', 'auto']);
    const { build } = events.at(-1);
    assert.deepEqual(
      [build.status, build.repairs.map(({ step, patch, origin }: Answer) => [step, patch, origin])],
      [
        'done',
        [
          ['command-line', first, 'trusted-patch'],
          ['platform', second, 'trusted-patch'],
        ],
      ],
    );
    // No step is left out after the second one, and the result is nobody's recipe by itself.
    assert.ok(events.some(({ event, step }) => event === 'step-done' && step === 'clear'));
    const both = parseRecipe(base.source.replaceAll(...words).replaceAll(...platform));
    assert.equal(build.finalRecipe, both.digest);
    await json(bob, ['recipe', 'apply', first!, file, '--with', second!]);
    assert.equal((await json(bob, ['recipe', 'lint', file])).digest, both.digest);
  });

  it('threat 27: are not run by themselves where only together they take a check away', async () => {
    const file = await grubRecipe(bob, [...STALE, VARIABLE]);
    const base = parseRecipe(await readFile(file, 'utf8'));
    // One changes the word that is typed, the other waits for just that word: typing it would be enough to pass.
    const greeting: Change = ['default: portal', 'default: gateway'];
    const awaited: Change = ['text: portal-pistol', 'text: gateway'];
    const alone = [[words, greeting], [awaited]].map((changes) => classOf(base, mending(base, ...changes)));
    assert.deepEqual(alone, ['sends', 'wording']);
    assert.equal(classOf(base, mending(base, words, greeting, awaited)), 'authority');
    const [first, second] = await published(base, [
      [alice, [words, greeting]],
      [dave, [awaited]],
    ]);
    for (const patch of [first, second]) {
      assert.equal((await json(bob, ['inbox', 'show', patch!])).decision.apply, 'auto', 'by itself it might run');
    }
    const events = await jsonLines(bob, ['build', file, '--repair', 'auto'], 1);
    const used = events.filter(({ event, patch }) => event === 'repair' && patch !== undefined);
    assert.deepEqual(
      used.map(({ patch }) => patch),
      [first],
    );
    const passedOver = events.filter(({ event, record }) => event === 'patch-passed-over' && record === second);
    assert.match(passedOver[0]?.reason ?? '', /policy leaves it to you \(class authority\)/);
    assert.match(events.at(-1).error.message, /variable/);
    assert.equal((await json(bob, ['builds', 'list'])).at(-1).status, 'failed');
  });
});
