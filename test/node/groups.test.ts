/** Private groups by the command line: real homes, real nodes. What goes over the wire is in test/exchange/p2p/groups.test.ts. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cli, errorOf, json, type Answer } from '../support/cli.ts';
import { assertDocumented } from '../docs/documented.ts';
import { grubRecipe } from '../support/grub.ts';
import { befriend, eventually, settle, startNode, type RunningNode } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

describe('a private group of two people and one who follows both', function () {
  this.timeout(240_000);
  let alice: TestHome, bob: TestHome, carol: TestHome;
  const running: RunningNode[] = [];
  let scope: string, recoveryKey: string;

  const file = (name: string): Promise<string> =>
    grubRecipe(alice, [['name: grub-rescue', `name: ${name}`]], `${name}.yaml`);
  const offered = async (home: TestHome): Promise<string[]> =>
    (await json(home, ['recipe', 'list'])).map(({ recipe, group }: Answer) => `${recipe} ${group ?? 'public'}`);

  /** Where it was before, so that the others find it. */
  const startAgain = (home: TestHome, before: RunningNode): Promise<RunningNode> =>
    startNode(home, before.addresses[0]?.replace(/\/p2p\/.*$/, ''));

  before(async () => {
    [alice, bob, carol] = [await tempHome(), await tempHome(), await tempHome()];
    ({ recoveryKey } = (await befriend({ alice, bob }, running)).alice);
    await settle(carol);
    running.push(await startNode(carol));
    for (const [home, name] of [
      [alice, 'alice'],
      [bob, 'bob'],
    ] as const) {
      await json(carol, ['peer', 'add', (await json(home, ['id'])).invitation, '--name', name]);
    }
  });
  after(async () => {
    for (const node of running) await node.stop();
    for (const home of [alice, bob, carol]) await home.remove();
  });

  it('is made by one, joined by the other, and is in the policy of each', async () => {
    const made = await json(alice, ['group', 'add', 'family', '--member', 'bob']);
    assertDocumented(['group', 'add'], made);
    ({ scope } = made);
    assert.match(scope, /^[0-9a-f]{32}$/);
    const shown = await cli(bob, ['group', 'add', 'us', '--scope', scope, '--member', 'alice']);
    assert.equal(shown.code, 0, shown.stderr);
    const groups = await json(bob, ['group', 'list']);
    assertDocumented(['group', 'list'], groups);
    assert.deepEqual(groups, [{ name: 'us', scope, members: ['alice'] }]);
    assert.deepEqual((await json(bob, ['policy', 'show'])).private, { us: { scope, members: ['alice'] } });
    // Whoever is in it is not forgotten by the way.
    assert.equal((await errorOf(alice, ['peer', 'remove', 'bob'], 2)).code, 'policy/peer-in-use');
    assert.equal((await errorOf(alice, ['group', 'add', 'family', '--member', 'bob'], 2)).code, 'policy/group-exists');
    assert.equal((await errorOf(alice, ['group', 'add', 'more', '--member', 'nobody'], 2)).code, 'peer/unknown');
    assert.equal(
      (await errorOf(alice, ['group', 'add', 'more', '--scope', 'abc', '--member', 'bob'], 2)).code,
      'policy/invalid',
    );
  });

  it('threat 25: shows what is published in it to its members alone', async () => {
    await json(alice, ['publish', await file('secret-one'), '--group', 'family']);
    await json(alice, ['publish', await file('open')]);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/secret-one us') && recipes.length === 2,
    );
    await eventually(
      () => offered(carol),
      (recipes) => recipes.includes('alice/open public'),
    );
    await json(carol, ['node', 'sync']);
    assert.deepEqual(await offered(carol), ['alice/open public']);
    const out = path.join(bob.folder, 'got.yaml');
    await json(bob, ['recipe', 'get', 'alice/secret-one', '--out', out]);
    assert.match(await readFile(out, 'utf8'), /^name: secret-one$/m);
    assert.equal((await errorOf(carol, ['recipe', 'get', 'alice/secret-one'], 2)).code, 'recipe/unknown');
    // The same again is the same record.
    const [again] = await json(alice, ['publish', await file('secret-one'), '--group', 'family']);
    assert.deepEqual([(await json(alice, ['recipe', 'list'])).length, typeof again.record], [2, 'string']);
  });

  it('takes recipe files alone, and only groups that there are', async () => {
    assert.equal((await errorOf(alice, ['publish', 'latest', '--group', 'family'], 2)).code, 'publish/group');
    assert.equal((await errorOf(alice, ['publish', await file('x'), '--group', 'nobodys'], 2)).code, 'group/unknown');
  });

  it('threat 8: is not forked by an old copy of a home: a member brings what it lacks before it signs', async () => {
    const copy = path.join(alice.folder, 'copy');
    const restart = async (change: () => Promise<void>): Promise<void> => {
      await running[0]!.stop();
      await change();
      running[0] = await startAgain(alice, running[0]!);
      await eventually(
        () => json(bob, ['peer', 'show', 'alice']),
        ({ connected }) => connected,
      );
      await eventually(
        () => json(alice, ['peer', 'show', 'bob']),
        ({ connected }) => connected,
      );
    };
    const home = alice.environment['PORTALGUN_HOME']!;
    await restart(() => cp(home, copy, { recursive: true }));
    await json(alice, ['publish', await file('not-in-the-copy'), '--group', 'family']);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/not-in-the-copy us'),
    );
    await restart(async () => {
      await rm(home, { recursive: true });
      await cp(copy, home, { recursive: true });
    });
    await json(alice, ['publish', await file('after-the-copy'), '--group', 'family']);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/after-the-copy us'),
    );
    const { feeds, frozen } = await json(bob, ['node', 'status']);
    assert.deepEqual(frozen, []);
    assert.equal(feeds.find((feed: Answer) => feed.scope === scope)?.seq, 3);
  });

  it('waits for a member to answer, and says so where none is there', async () => {
    await running[1]!.stop();
    await eventually(
      () => json(alice, ['peer', 'show', 'bob']),
      ({ connected }) => !connected,
    );
    const alone = await errorOf(alice, ['publish', await file('alone'), '--group', 'family'], 5);
    assert.equal(alone.code, 'group/nobody-there');
    await json(alice, ['publish', await file('alone'), '--group', 'family', '--offline']);
    running[1] = await startAgain(bob, running[1]!);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/alone us'),
    );
  });

  it('threat 17: goes on under a new key, and shows nothing of a member whose key is revoked until there is another', async () => {
    const rotated = await json(alice, ['key', 'rotate', '--offline']);
    assertDocumented(['key', 'rotate'], rotated);
    assert.deepEqual(rotated.groups, ['family']);
    const isOfGroup = (recipe: string): boolean => recipe.endsWith(' us');
    const before = (await offered(alice)).length;
    const [{ record }] = await json(alice, [
      'publish',
      await file('under-a-new-key'),
      '--group',
      'family',
      '--offline',
    ]);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/under-a-new-key us') && recipes.length === before + 1,
    );
    assert.ok(!('heldBack' in (await json(bob, ['group', 'list']))[0]));
    // Of a file, the key that was given up says nothing more; what the newest one signs stands.
    const earlier = (await json(bob, ['recipe', 'list'])).find(({ recipe }: Answer) => recipe === 'alice/secret-one');
    const written = async (id: string): Promise<string> => {
      const out = path.join(bob.folder, `${id.slice(-8)}.json`);
      await json(bob, ['why', id, '--proof', out]);
      return out;
    };
    const signed = await written(record);
    assert.equal((await json(bob, ['verify', signed])).link.epoch, 1);
    const old = await errorOf(bob, ['verify', await written(earlier.record)], 3);
    assert.match(old.message, /whose key its author has given up since/);
    const keys = path.join(bob.folder, 'keys.jsonl');
    await json(bob, ['why', record, '--keys', keys]);
    assert.equal((await json(carol, ['verify', signed, '--keys', keys])).keys.signer, rotated.key);
    await json(alice, ['key', 'revoke', '--why', 'stolen', '--offline']);
    const refused = await errorOf(alice, ['publish', await file('revoked'), '--group', 'family', '--offline'], 3);
    assert.equal(refused.code, 'store/feed-revoked');
    await eventually(
      () => json(bob, ['group', 'list']),
      ([us]) => us.heldBack?.[0]?.why === 'revoked',
    );
    assertDocumented(['group', 'list'], await json(bob, ['group', 'list']));
    assert.deepEqual((await offered(bob)).filter(isOfGroup), []);
    assert.match((await cli(bob, ['group', 'list'])).stdout, /us: nothing of alice is shown for now:\n +their key was/);
    const paper = path.join(alice.folder, 'paper');
    await writeFile(paper, recoveryKey);
    const recovered = await json(alice, ['key', 'recover', '--offline', '--key-file', paper]);
    assertDocumented(['key', 'recover'], recovered);
    assert.deepEqual(recovered.groups, ['family']);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/under-a-new-key us') && recipes.length === before + 1,
    );
  });

  it('gives nothing more to who is taken off the list', async () => {
    const policy = await readFile(alice.home.policyFile, 'utf8');
    await writeFile(alice.home.policyFile, policy.replace('members: ["bob"]', 'members: []'));
    await json(alice, ['publish', await file('without-bob'), '--group', 'family', '--offline']);
    await json(alice, ['publish', await file('open-too')]);
    await eventually(
      () => offered(bob),
      (recipes) => recipes.includes('alice/open-too public'),
    );
    await json(bob, ['node', 'sync']);
    assert.ok(!(await offered(bob)).includes('alice/without-bob us'));
  });
});
