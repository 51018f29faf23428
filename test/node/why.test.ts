/** `why`: whatever is asked about, the derivation is whole; and what was refused is said, by author, record and reason. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../../src/crypto/digest.ts';
import { createRecentRefusals } from '../../src/exchange/p2p/recent-refusals.ts';
import type { Exchange } from '../../src/exchange/p2p/types.ts';
import { sign } from '../../src/crypto/ed25519.ts';
import { decodeDsse, encodeDsse, preAuthEncoding } from '../../src/exchange/record/dsse.ts';
import { signRecord, withdrawalDraft } from '../../src/exchange/record/index.ts';
import { openHome } from '../../src/node/home.ts';
import { ENVELOPE_MAX_BYTES } from '../../src/exchange/record/limits.ts';
import { startControlServer } from '../../src/node/control-server.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, type Session } from '../../src/node/session.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe } from '../../src/recipe/types.ts';
import { recipeOf, replace } from '../recipe/fixtures.ts';
import { cli, errorOf } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { Peer } from './peers-records.ts';

const signal = new AbortController().signal;

const versioned = (version: string, text: string): CheckedRecipe =>
  parseRecipe(
    recipeOf(`  - { id: ask, when: { text: "${text}" }, do: [{ key: enter }], expect: { text: Installed } }\n`).replace(
      'version: 1.0.0',
      `version: ${version}`,
    ),
  );

interface Answer {
  readonly record: Digest;
  readonly kind: string | null;
  readonly changeClass: string | null;
  readonly since: string | null;
  readonly decision: {
    readonly apply: string;
    readonly because: readonly string[];
    readonly missing: readonly string[];
  };
  readonly patches: readonly { readonly record: Digest; readonly policy: string }[];
  readonly refused: readonly {
    readonly reason: string;
    readonly record: Digest;
    readonly name: string;
    readonly count: number;
  }[];
}

describe('why', function () {
  this.timeout(30_000);
  let test: TestHome;
  let session: Session;
  let alice: Peer;
  let bob: Peer;

  beforeEach(async () => {
    [alice, bob] = [new Peer(1), new Peer(2)];
    test = await tempHome();
    await openHome(test.home);
    await createIdentity(test.home);
    const policy = [
      `peers: { alice: { id: "${alice.id}" }, bob: { id: "${bob.id}" } }`,
      'groups: { both: { k: 2, of: [alice, bob] } }',
      'rules:',
      '  - recipes: ["alice/*"]',
      '    patches: { wording: { apply: auto, when: both } }',
      '    versions: { apply: ask, when: both }',
      '  - { recipes: ["alice/sm*"], versions: { apply: ask } }',
    ];
    await writeFile(test.home.policyFile, `${policy.join('\n')}\n`);
    session = await openSession(test.home);
  });
  afterEach(async () => {
    await session.close();
    await test.remove();
  });

  const why = (record: string, exchange = session.exchange): Promise<Answer> =>
    runOperation({ ...session, exchange }, 'why', { record }, signal) as Promise<Answer>;

  it('tells of a patch the rule with its line, the voices, and whose is missing', async () => {
    const recipe = versioned('1.0.0', 'Choose');
    await alice.recipe(session, recipe);
    const patch = await bob.patch(session, recipe, [replace(recipe, 'ask', { when: { text: 'Please choose' } })]);
    const { decision, refused } = await why(patch);
    assert.deepEqual([decision.apply, decision.missing, refused], ['ask', ['alice'], []]);
    const because = decision.because.join('\n');
    assert.match(because, /^rule 1 \(line 4\) says auto when both \(2 of alice, bob\): ask, still without alice$/m);
    assert.match(because, /^bob is for it \(author, sha256:[0-9a-f]{64}\): counts for$/m);
  });

  it('tells of a recipe, by name or digest, how far it reaches beyond the version before, and of its patches', async () => {
    const [first, second] = [versioned('1.0.0', 'Choose'), versioned('1.1.0', 'Choose one')];
    await alice.recipe(session, first);
    const record = await alice.recipe(session, second);
    const patch = await bob.patch(session, second, [replace(second, 'ask', { when: { text: 'Please choose' } })]);
    for (const named of ['alice/small', 'alice/small@1.1.0', second.digest, record.slice(7, 20)]) {
      const answer = await why(named);
      assert.deepEqual(
        [answer.record, answer.kind, answer.since, answer.changeClass],
        [record, 'recipe', '1.0.0', 'wording'],
      );
      assert.deepEqual(
        answer.patches.map(({ record: id, policy }) => [id, policy]),
        [[patch, 'ask']],
      );
      // Bob has not spoken for it: of two rules the one that waits for him is the stricter.
      assert.deepEqual([answer.decision.apply, answer.decision.missing], ['never', ['bob']]);
      assert.match(answer.decision.because.join('\n'), /2 rules cover it, the most restrictive wins/);
    }
    assert.deepEqual(
      [(await why('alice/small@1.0.0')).since, (await why(first.digest)).changeClass],
      [null, 'authority'],
    );
    await alice.publish(session, withdrawalDraft({ of: record, reason: 'wrong' }));
    assert.match((await why(record)).decision.because.join('\n'), /alice is against it \(withdrawal/);
  });

  it('does not call small what an earlier version has brought in, for who skips that one', async () => {
    const large = (recipe: string): string => recipe.replace('memory: 128M', 'memory: 256M');
    await alice.recipe(session, versioned('1.0.0', 'Choose'));
    await alice.recipe(session, parseRecipe(large(versioned('1.1.0', 'Choose').source)));
    await alice.recipe(session, parseRecipe(large(versioned('1.1.1', 'Choose one').source)));
    const answer = await why('alice/small');
    assert.deepEqual([answer.since, answer.changeClass], ['1.0.0', 'authority']);
  });

  it('takes a version with more before it than it compares for one that reaches as far as anything can', async () => {
    for (let number = 0; number <= 33; number += 1) await alice.recipe(session, versioned(`1.0.${number}`, 'Choose'));
    const answer = await why('alice/small');
    assert.deepEqual([answer.since, answer.changeClass], ['1.0.0', 'authority']);
  });

  it('takes what was published under a newer key for the newest, whatever its number, and so does recipe get', async () => {
    const [first, second] = [versioned('1.0.0', 'Choose'), versioned('1.1.0', 'Choose one')];
    await alice.recipe(session, versioned('0.9.0', 'Take'));
    await alice.recipe(session, versioned('0.9.1', 'Take'));
    await alice.recipe(session, first);
    await alice.rotate(session, 3);
    const record = await alice.recipe(session, second);
    assert.deepEqual([(await why('alice/small')).record, (await why('alice/small')).since], [record, '1.0.0']);
    const got = (await runOperation(session, 'recipe.get', { recipe: 'alice/small' }, signal)) as { version: string };
    assert.equal(got.version, '1.1.0');
  });

  it('tells of what was refused: by record where it is not stored, by author where another one is asked about', async () => {
    const record = await alice.recipe(session, versioned('1.0.0', 'Choose'));
    const place = { network: session.config.network, author: alice.id, scope: 'public', recovery: 0, epoch: 0 };
    const [stored] = await session.store.range(alice.id, 'public', 0, 1);
    assert.ok(stored);
    // In her name, with somebody else's signature.
    const hers = signRecord(
      alice.seed,
      { ...place, seq: 2, prev: record },
      withdrawalDraft({ of: record, reason: 'x' }),
    );
    const dsse = decodeDsse(hers.envelope, ENVELOPE_MAX_BYTES);
    assert.ok('payload' in dsse);
    const signature = sign(bob.seed, preAuthEncoding(dsse.payloadType, dsse.payload));
    const forged = { id: hers.id, envelope: encodeDsse({ ...dsse, signature }) };
    const [bad, good] = await session.store.admitAll([forged.envelope, stored.envelope], { follows: () => true });
    assert.deepEqual([bad?.result, good?.result], ['refused', 'known'], 'a bad record stops no other');
    assert.ok(bad?.result === 'refused');
    const recent = createRecentRefusals(Date.now, () => true);
    recent.add(bad, '12D3KooWmallory');
    recent.add(bad, '12D3KooWmallory');
    const network = {
      refusals: () => recent.list(),
      addresses: () => [],
      peers: () => [],
      reachability: () => undefined,
    } as unknown as Exchange;

    const unknown = await why(forged.id.slice('sha256:'.length, 30), network);
    assert.deepEqual([unknown.record, unknown.kind, unknown.decision], [forged.id, null, null]);
    assert.deepEqual(
      unknown.refused.map(({ reason, record: id, name, count }) => [reason, id, name, count]),
      [['bad-signature', forged.id, 'alice', 2]],
    );
    assert.equal((await why(record, network)).refused.length, 1);
    const status = (await runOperation({ ...session, exchange: network }, 'status', {}, signal)) as {
      refused: Record<string, number>;
      refusedLast: Answer['refused'];
    };
    assert.equal(status.refused['bad-signature'], 1);
    assert.deepEqual([status.refusedLast[0]?.name, status.refusedLast[0]?.record], ['alice', forged.id]);
    await assert.rejects(why('abcdef012345', network), { code: 'record/unknown' });

    const node = await startControlServer(test.home.controlSocket, (name, args) =>
      runOperation({ ...session, exchange: network }, name, args, signal),
    );
    try {
      const { stdout } = await cli(test, ['why', forged.id]);
      assert.match(stdout, /refused, and is not stored here\.\n\nRefused:\n {2}2 × bad-signature/);
      const file = path.join(test.folder, 'proof.json');
      assert.equal((await errorOf(test, ['why', forged.id, '--proof', file], 2)).code, 'why/not-stored');
      await assert.rejects(stat(file), { code: 'ENOENT' });
    } finally {
      await node.close();
    }
  });

  it('writes its proof over nothing', async () => {
    const record = await alice.recipe(session, versioned('1.0.0', 'Choose'));
    await session.close();
    const file = path.join(test.folder, 'proof.json');
    await writeFile(file, 'mine');
    const args = ['why', record, '--proof', file];
    const error = await errorOf(test, args, 2);
    assert.deepEqual([error.code, error.message], ['why/proof-file', `cannot write ${file}: it exists already`]);
    assert.equal(await readFile(file, 'utf8'), 'mine');
    session = await openSession(test.home);
  });
});
