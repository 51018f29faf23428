/**
 * The main job between real homes with real nodes on loopback and real VMs: a step goes stale, a person mends it, the
 * signed patch heals another's build, and policy decides whose.
 */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { atTerminal } from '../../src/cli/demo/person.ts';
import { symptomOf } from '../../src/heal/index.ts';
import { openSession } from '../../src/node/session.ts';
import { author, patchBy } from '../heal/patches.ts';
import { argvOf, cli, json, jsonLines, type Answer } from '../support/cli.ts';
import { grubRecipe, needBuilds, PRESENT_WORDS, STALE } from '../support/grub.ts';
import { eventually, settle, startNode, type RunningNode } from '../support/node.ts';
import { underTerminal, type Person } from '../support/person.ts';
import { needPrograms } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const signal = new AbortController().signal;

describe('the loop', function () {
  this.timeout(1_200_000);
  let alice: TestHome;
  let bob: TestHome;
  let carol: TestHome;
  const nodes: RunningNode[] = [];
  let patch: string;
  let build: Answer;

  before(async function () {
    needPrograms(this, 'script');
    await needBuilds(this);
    [alice, bob, carol] = [await tempHome(), await tempHome(), await tempHome()];
    for (const home of [alice, bob, carol]) await settle(home);
    for (const home of [alice, bob]) nodes.push(await startNode(home));
    const { invitation } = await json(alice, ['id', '--invite']);
    await json(bob, ['peer', 'add', invitation, '--name', 'alice', '--auto', 'wording']);
    await json(alice, ['peer', 'add', (await json(bob, ['id', '--invite'])).invitation, '--name', 'bob']);
    await json(carol, ['peer', 'add', invitation, '--name', 'alice']);
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    for (const home of [alice, bob, carol]) await home?.remove();
  });

  const get = async (home: TestHome): Promise<string> => {
    const file = path.join(home.folder, 'grub-rescue.yaml');
    const found = (recipes: Answer[]): boolean => recipes.some(({ recipe }) => recipe === 'alice/grub-rescue');
    await eventually(async () => {
      await json(home, ['node', 'sync']);
      return json(home, ['recipe', 'list']);
    }, found);
    await json(home, ['recipe', 'get', 'alice/grub-rescue', '--out', file]);
    return file;
  };

  it('begins with a stale step that a person mends at a terminal', async () => {
    const recipe = await grubRecipe(alice, STALE);
    await json(alice, ['publish', recipe]);
    const answers = [
      { prompt: /(^|\n)> $/, answer: '1', because: 'it is the line that is on the screen' },
      { prompt: /Publish .*\[y\/N\] $/, answer: 'n', because: 'the next test publishes' },
    ];
    const { environment } = alice;
    const ignore = (): void => undefined;
    const printed = await atTerminal(argvOf(['build', recipe]), answers, {
      environment,
      signal,
      onLine: ignore,
      onAnswer: ignore,
    });
    assert.match(printed, /The step "command-line" failed/);
    build = (await json(alice, ['builds', 'list'])).at(-1);
    assert.deepEqual([build.status, build.repairs.length], ['done', 1]);
    assert.deepEqual([build.repairs[0].step, build.repairs[0].origin], ['command-line', 'human']);
    assert.notEqual(build.finalRecipe, build.startedRecipe);
  });

  it('goes on as a signed patch, published once, and is offered where a build waits for its person, there and then', async () => {
    const dave = await tempHome();
    let [node, person]: [RunningNode?, Person?] = [];
    try {
      await settle(dave);
      await json(dave, ['peer', 'add', (await json(alice, ['id', '--invite'])).invitation, '--name', 'alice']);
      node = await startNode(dave);
      person = underTerminal(argvOf(['build', await get(dave)]), dave.environment);
      await person.reads('The step "command-line" failed');
      const before = await person.reads('? help');
      assert.doesNotMatch(before, /take the fix/);

      const published = await json(alice, ['publish', build.id]);
      assert.deepEqual(
        published.map(({ what }: Answer) => what.split(':')[0]),
        ['patch'],
      );
      patch = published[0].record;
      assert.deepEqual(await json(alice, ['publish', build.id]), []);

      // Nobody touches the terminal meanwhile.
      await person.reads('f take the fix that arrived');
      person.types('f\n');
      await person.reads('grub-rescue is built');
      await person.ends();
      const [repair, ...more] = (await json(dave, ['builds', 'list'])).at(-1).repairs;
      assert.deepEqual(
        [repair.step, repair.origin, repair.patch, more.length],
        ['command-line', 'trusted-patch', patch, 0],
      );
    } finally {
      person?.leave();
      await node?.stop();
      await dave.remove();
    }
  });

  it('heals the build of who trusts its author for it, with nobody there', async () => {
    const recipe = await get(bob);
    await eventually(
      async () => {
        await json(bob, ['node', 'sync']);
        return json(bob, ['inbox', 'list']);
      },
      (items: Answer[]) => items.some(({ record }) => record === patch),
    );
    const events = await jsonLines(bob, ['build', recipe, '--repair', 'auto']);
    assert.ok(events.some((event) => event.event === 'step-failed' && event.step === 'command-line'));
    assert.ok(events.some((event) => event.event === 'repair' && event.patch === patch));
    const healed = events.at(-1).build;
    assert.deepEqual([healed.status, healed.finalRecipe], ['done', build.finalRecipe]);
    assert.deepEqual([healed.repairs[0].origin, healed.repairs[0].patch], ['trusted-patch', patch]);

    const published = await json(bob, ['publish', healed.id]);
    assert.match(published[0].what, /works here/);
    const [item] = (await json(bob, ['inbox', 'list'])).filter(({ record }: Answer) => record === patch);
    assert.deepEqual([item.from, item.changeClass, item.policy], ['alice', 'wording', 'auto']);
    const why = await cli(bob, ['why', patch]);
    assert.match(why.stdout, /policy says: auto/);
    // What its author saw, as text: fetched from her when it is asked for.
    const { evidence } = await json(bob, ['inbox', 'show', patch]);
    assert.ok(evidence.before.lines.some((line: string) => line.includes(PRESENT_WORDS)));
    assert.ok(evidence.after.lines.some((line: string) => line.includes(PRESENT_WORDS)));
    const shown = await cli(bob, ['inbox', 'show', patch]);
    assert.match(shown.stdout, /The screen when the step failed, says alice:/);
    // And what happened here, without running anything again.
    const { troubles } = await json(bob, ['builds', 'show', healed.id]);
    assert.partialDeepStrictEqual(troubles, [{ step: 'command-line', cured: true }]);
    assert.ok(troubles[0].tried.some((one: Answer) => one.patch === patch));
    assert.equal((await stat(path.join(bob.home.buildsDir, healed.id, troubles[0].picture))).mode & 0o777, 0o600);
  });

  it('tells its author that it worked elsewhere', async () => {
    const { decision } = await eventually(
      async () => {
        await json(alice, ['node', 'sync']);
        return json(alice, ['why', patch]);
      },
      (why) => why.decision?.because.some((line: string) => line.startsWith('bob ')),
    );
    assert.ok(
      decision.because.some((line: string) => /^bob is for it \(reviewed-build.*nobody looked at it/.test(line)),
    );
  });

  it('heals nobody whose policy leaves it to them, and nothing by a stranger, until they accept it', async () => {
    const node = await startNode(carol);
    let recipe: string;
    try {
      recipe = await get(carol);
      await eventually(
        async () => {
          await json(carol, ['node', 'sync']);
          return json(carol, ['inbox', 'list']);
        },
        (items: Answer[]) => items.some(({ record }) => record === patch),
      );
    } finally {
      await node.stop();
    }
    // A stranger's patch that would cure it just as well, in the store from a time when its author was followed.
    const kept = build.repairs[0];
    const symptom = symptomOf('portalgun', kept.stepDigest, kept.expected);
    const stranger = patchBy(
      author(77),
      { recipeName: 'grub-rescue', base: kept.base, result: kept.result, operations: kept.operations, symptom },
      { network: 'portalgun' },
    );
    const session = await openSession(carol.home);
    const admit = () => session.store.admit(stranger.record.envelope, { follows: () => true });
    assert.equal((await admit()).result, 'admitted');
    assert.equal((await admit()).result, 'known'); // replayed, it changes nothing
    await session.close();

    const failed = await cli(carol, ['build', recipe, '--repair', 'auto']);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, new RegExp(`patch ${patch.slice(7, 19)} is not used: policy leaves it to you`));
    assert.match(failed.stderr, new RegExp(`patch ${stranger.record.id.slice(7, 19)} is not used: .*stranger`));
    assert.match(failed.stderr, /error: .*command-line/);
    const explained = (await cli(carol, ['builds', 'show', 'latest'])).stdout;
    assert.match(explained, /expected {2}after acting, the text "device\/file completions"/);
    assert.match(explained, /│ .*device or file completions/);
    assert.match(explained, /row \d+, \d+ % alike: .*device or file completions/);
    assert.match(explained, new RegExp(`a patch ${patch.slice(7, 19)}: not used: policy leaves it to you`));
    const picture = /picture {3}(\S+\.png)/.exec(explained)?.[1] ?? assert.fail(explained);
    assert.deepEqual([...(await readFile(picture)).subarray(1, 4)], [...Buffer.from('PNG')]);
    const { code } = await cli(carol, ['inbox', 'accept', stranger.record.id]);
    assert.equal(code, 3);

    await json(carol, ['inbox', 'accept', patch]);
    const events = await jsonLines(carol, ['build', recipe, '--repair', 'auto']);
    assert.ok(events.some((event) => event.event === 'resumed' && event.step === 'menu'));
    assert.deepEqual(
      events.at(-1).build.repairs.map(({ patch: used }: Answer) => used),
      [patch],
    );
    // Their own file is written only when they say so.
    await json(carol, ['recipe', 'apply', patch, recipe]);
    assert.equal((await json(carol, ['recipe', 'lint', recipe])).digest, build.finalRecipe);
  });

  it('is what the demo shows, from two empty homes', async () => {
    const lines = await jsonLines(alice, ['demo', '--recipe', 'grub-rescue', '--exit']);
    assert.ok(lines.length >= 5);
    for (const { phase, tookMs } of lines) assert.ok(typeof phase === 'string' && tookMs >= 0);
    assert.ok(lines.some(({ phase }) => /Bob builds/.test(phase)));
  });
});
