/** The own key's life on real nodes, with somebody who follows. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { createExchange } from '../../src/exchange/p2p/index.ts';
import type { Exchange } from '../../src/exchange/p2p/index.ts';
import { recordToJson } from '../../src/exchange/record/index.ts';
import { atTerminal } from '../../src/cli/demo/person.ts';
import { connect } from '../../src/node/connect.ts';
import { loadIdentity } from '../../src/node/identity-files.ts';
import { nextRecoveryKey } from '../../src/node/next-recovery-key.ts';
import { parseRecoveryKey } from '../../src/node/recovery-key.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, signingKey, type Session } from '../../src/node/session.ts';
import { SOURCE } from '../recipe/fixtures.ts';
import { argvOf, cli, json, type Answer } from '../support/cli.ts';
import { eventually, settle, startNode, type RunningNode, befriend } from '../support/node.ts';
import { underTerminal } from '../support/person.ts';
import { needPrograms } from '../support/skip.ts';
import { withHomes, type TestHome } from '../support/temp-home.ts';

const signal = new AbortController().signal;

function recipe(number: number): string {
  return SOURCE.replace('version: 1.0.0', `version: 1.0.${number}`);
}

async function publish(test: TestHome, number: number): Promise<Answer> {
  return (await connect(test.home)).call('publish.recipe', { yaml: recipe(number) }, signal);
}

async function call(test: TestHome, operation: string, args: Record<string, unknown> = {}): Promise<Answer> {
  return (await connect(test.home)).call(operation, args, signal);
}

/** Alice and Bob know each other and are connected. */
async function acquainted(alice: TestHome, bob: TestHome): Promise<{ author: string; paper: string }> {
  const made = await befriend({ alice, bob }, running);
  return { author: made.alice.author, paper: made.alice.recoveryKey };
}

const running: RunningNode[] = [];

/** What Bob has of Alice. */
async function bobs(bob: TestHome, author: string): Promise<Answer> {
  const { feeds } = await call(bob, 'status');
  return feeds.find((feed: Answer) => feed.author === author);
}

describe('the own key', function () {
  this.timeout(120_000);
  afterEach(async () => {
    for (const node of running.splice(0)) await node.kill();
  });

  it('is changed while the node runs: a follower who does nothing has what comes after, under the same author', () =>
    withHomes(2, async (alice, bob) => {
      const { author } = await acquainted(alice, bob);
      await publish(alice, 1);
      await eventually(
        () => bobs(bob, author),
        (feed) => feed?.seq === 2,
      );
      const before = await call(alice, 'id');
      const rotated = await json(alice, ['key', 'rotate']);
      assert.equal(rotated.author, author);
      assert.equal(rotated.epoch, 1);
      const after = await call(alice, 'id');
      assert.notEqual(after.peerId, before.peerId);
      assert.deepEqual(portOf(after), portOf(before), 'found where it was');
      const { record } = await publish(alice, 2);
      await eventually(
        () => bobs(bob, author),
        (feed) => feed?.head === record,
      );
      const peers = (await call(bob, 'status')).peers as Answer[];
      assert.ok(peers.some(({ name, peerId }) => name === 'alice' && peerId === after.peerId));
      assert.ok(!peers.some(({ peerId }) => peerId === before.peerId));
      // Who has the feed can check a file of it; who has not is told what is missing.
      for (const node of running.splice(0)) await node.kill();
      const file = path.join(bob.folder, 'record.json');
      const session = await openSession(bob.home);
      try {
        const stored = await session.store.get(record);
        assert.ok(stored !== undefined);
        await writeFile(file, recordToJson(stored));
      } finally {
        await session.close();
      }
      assert.equal((await json(bob, ['verify', file])).link.epoch, 1);
      await withHomes(1, async (carol) => {
        for (const prepare of [async () => undefined, () => settle(carol)]) {
          await prepare();
          assert.match((await json(carol, ['verify', file], 3)).error.message, /has not seen what opened epoch 1/);
        }
      });
    }));

  it('is revoked while the node runs: nothing follows, a follower knows it, and its node is nobody’s any more', () =>
    withHomes(2, async (alice, bob) => {
      const { author } = await acquainted(alice, bob);
      await publish(alice, 1);
      const { record } = await json(alice, ['key', 'revoke', '--why', 'it was stolen']);
      await eventually(
        () => bobs(bob, author),
        (feed) => feed?.head === record,
      );
      const refused = await cli(alice, ['key', 'rotate', '--offline']);
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /You have revoked this key/);
      // Whoever holds the stolen key gets no more from Bob than any stranger.
      await eventually(
        () => call(bob, 'status'),
        (status) => status.peers.every(({ name }: Answer) => name !== 'alice'),
      );
    }));

  it('has its next recovery key before anything is signed: what fails in between loses nothing', () =>
    withHomes(1, async (alice) => {
      const { recoveryKey } = await settle(alice);
      await publish(alice, 1);
      const paper = path.join(alice.folder, 'paper');
      await writeFile(paper, recoveryKey);
      const kept = path.join(alice.home.identityDir, 'recovery-key.next');
      const recover = ['key', 'recover', '--offline', '--key-file', paper, '--new-recovery-key'];
      // It fails after the key was made: the record to keep is none of this feed's present recovery.
      const first = (await json(alice, ['key', 'show'])).records[0].record;
      await json(alice, ['key', 'recover', '--offline', '--key-file', paper]);
      await publish(alice, 2);
      const { code, stderr } = await cli(alice, [...recover, '--keep', first]);
      assert.equal(code, 2, stderr);
      const made = (await readFile(kept, 'utf8')).trim();
      assert.equal((await stat(kept)).mode & 0o077, 0, 'for its owner alone');
      const answer = await json(alice, recover);
      assert.equal(answer.recoveryKey, made, 'the same one again');
      assert.equal(answer.keptIn, kept);
      // The answer may get lost: the key is there, and it is the one in force.
      assert.equal((await readFile(kept, 'utf8')).trim(), made);
      assert.match(
        (await cli(alice, ['key', 'recover', '--offline', '--key-file', paper])).stderr,
        /not the recovery key/,
      );
      // It is given from the file itself, and nothing gets signed: the key in force is still here.
      const onceMore = ['key', 'recover', '--offline', '--key-file', kept, '--new-recovery-key'];
      assert.equal((await cli(alice, [...onceMore, '--keep', first])).code, 2);
      const next = (await readFile(kept, 'utf8')).trim();
      assert.notEqual(next, made, 'another one is to replace it');
      const present = path.join(alice.home.identityDir, 'recovery-key.present');
      assert.equal((await readFile(present, 'utf8')).trim(), made);
      assert.equal((await stat(present)).mode & 0o077, 0, 'for its owner alone');
      const again = await json(alice, ['key', 'recover', '--offline', '--key-file', present, '--new-recovery-key']);
      assert.equal(again.recoveryKey, next);
      await assert.rejects(stat(present), { code: 'ENOENT' });
    }));

  it('is not asked for where it is not said whose feed it is to recover', () =>
    withHomes(1, async (alice) => {
      const { code, stdout, stderr } = await cli(alice, ['key', 'recover']);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^error: This home has no identity: whose feed is to be recovered\?/);
      // A wrong author is told before the secret is typed, too.
      assert.match((await cli(alice, ['key', 'recover', '--author', 'me'])).stderr, /^error: /);
    }));

  it('has its next recovery key shown at a terminal, and nothing is signed before it is written down', function () {
    needPrograms(this, 'script');
    return withHomes(1, async (alice) => {
      const { recoveryKey } = await settle(alice);
      await publish(alice, 1);
      const paper = path.join(alice.folder, 'paper');
      await writeFile(paper, recoveryKey);
      // What an attempt before has left: so that the person of this test knows what they will see.
      const { text, file } = await nextRecoveryKey(alice.home, parseRecoveryKey(recoveryKey));
      const recover = argvOf(['key', 'recover', '--offline', '--key-file', paper, '--new-recovery-key']);
      const person = underTerminal(recover, alice.environment);
      await person.reads('last group, from what you wrote: ');
      person.types('00000000\r');
      // key/not-written-down: said to whoever sits there, with the file that keeps it.
      await person.reads('That is not the last group of the new recovery key. Nothing was signed.');
      await person.ends();
      assert.ok(person.shown.includes(file), person.shown);
      assert.equal((await json(alice, ['key', 'show'])).recovery, 0, 'nothing was signed');
      assert.equal((await readFile(file, 'utf8')).trim(), text);
      const printed = await atTerminal(
        recover,
        [{ prompt: /last group.*: $/, answer: text.slice(-8), because: 'it is on the paper' }],
        { environment: alice.environment, signal, onLine: () => undefined, onAnswer: () => undefined },
      );
      assert.ok(printed.indexOf(text) < printed.indexOf('last group'));
      assert.equal((await json(alice, ['key', 'show'])).recovery, 1);
      await assert.rejects(stat(file), { code: 'ENOENT' });
    });
  });

  it('is changed though the network does not come back: that is said, and it is tried again', () =>
    withHomes(1, async (alice) => {
      await settle(alice);
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
      const { port } = taken.address() as AddressInfo;
      let listen = '/ip4/127.0.0.1/tcp/0';
      const before: (readonly string[])[] = [];
      const keysWhenTold: (readonly string[])[] = [];
      const network = async (session: Session, addresses: readonly string[]): Promise<Exchange> => {
        before.push(addresses);
        const { identity, store, config } = session;
        const seed = await signingKey(session).unlock();
        const nobody = { follows: () => false, followed: () => [], trusted: () => [] };
        const exchange = await createExchange({
          ...nobody,
          author: identity.author,
          seed,
          store,
          network: config.network,
          listen: [listen],
          blobTypes: {},
        });
        return {
          ...exchange,
          async announce(record) {
            keysWhenTold.push((await loadIdentity(alice.home)).keys.map(({ id }) => id));
            await exchange.announce(record);
          },
        };
      };
      const session = await openSession(alice.home, { network });
      try {
        const peerId = (): string | undefined => session.exchange?.peerId;
        const first = peerId();
        listen = `/ip4/127.0.0.1/tcp/${port}`;
        const changed = (await runOperation(session, 'key.rotate', { offline: true }, signal)) as Answer;
        assert.match(changed.offline, /cannot listen/);
        assert.deepEqual(keysWhenTold, [[changed.key]], 'the new key alone is here before peers are told');
        assert.equal(peerId(), undefined);
        await assert.rejects(session.renew(), { code: 'exchange/cannot-listen' });
        listen = '/ip4/127.0.0.1/tcp/0';
        await session.renew();
        assert.ok(peerId() !== undefined && peerId() !== first);
        assert.deepEqual(
          before.map(({ length }) => length > 0),
          [false, true, true, true],
        );
      } finally {
        await session.close();
        taken.close();
      }
    }));
});

describe('what waits in the outbox', function () {
  this.timeout(120_000);
  afterEach(async () => {
    for (const node of running.splice(0)) await node.kill();
  });

  it('is published once and in order, whenever the node is killed between the two', () =>
    withHomes(2, async (alice, bob) => {
      const { author } = await acquainted(alice, bob);
      const [alicesNode, bobsNode] = running;
      // Where Bob knows her to be.
      const listen = alicesNode?.addresses[0]?.replace(/\/p2p\/.*$/, '');
      await bobsNode?.stop();
      const count = 30;
      for (let number = 1; number <= count; number += 1) {
        assert.equal((await publish(alice, number)).waiting, true);
      }
      const kill = async (): Promise<void> => running.shift()?.kill();
      await kill();
      running.length = 0;
      running.push(await startNode(alice, listen));
      assert.equal((await call(alice, 'status')).outbox, count, 'it was acknowledged');
      running.push(await startNode(bob));
      // Again and again, as soon as some more have got their places.
      for (const enough of [1, 8, 16]) {
        await eventually(
          () => call(alice, 'status'),
          ({ outbox }) => outbox <= count - enough,
        );
        await kill();
        running.unshift(await startNode(alice, listen));
      }
      await eventually(
        () => call(alice, 'status'),
        ({ outbox }) => outbox === 0,
      );
      await eventually(
        () => bobs(bob, author),
        (feed) => feed?.seq === count + 1,
      );
      await kill();
      const session = await openSession(alice.home);
      try {
        const records = await session.store.range(session.identity.author, 'public', 1, 1000);
        const versions = records.map(({ statement }) => (statement.predicate as Answer).version);
        assert.deepEqual(
          versions,
          Array.from({ length: count }, (_, index) => `1.0.${index + 1}`),
        );
      } finally {
        await session.close();
      }
    }));
});

function portOf({ addresses }: Answer): string[] {
  return addresses.map((address: string) => /\/tcp\/(\d+)/.exec(address)?.[1]);
}
