/** Two honest friends of an author who shows each of them another face: what their syncs say, on real stores. */
import assert from 'node:assert/strict';
import { SYNC_MAX_RECORDS, SYNC_MAX_REFUSED, SYNC_MAX_REFUSED_PER_AUTHOR } from '../../../src/exchange/p2p/limits.ts';
import { createBudgets } from '../../../src/exchange/p2p/budgets.ts';
import { createGossipJudge } from '../../../src/exchange/p2p/gossip-judge.ts';
import { decodeAnswer, encodeAnswer, SYNC_PROTOCOL } from '../../../src/exchange/p2p/sync/messages.ts';
import { signHead, type Admission, type AuthorId } from '../../../src/exchange/record/index.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { feed, newAuthor } from '../record/author.ts';
import { Chain } from '../record/keys.ts';
import { Disk } from '../../simulator/disk.ts';
import { createMemo } from '../../simulator/shared.ts';
import { loneParticipant } from './lone-participant.ts';
import { NETWORK } from './nodes.ts';

const NOW = Date.UTC(2026, 10, 27);
const memo = createMemo();
const everybody = { follows: () => true };

async function friend(number: number, carried: readonly AuthorId[]) {
  const store = await LevelStore.over(new Disk(), NETWORK, memo);
  const admissions: Admission[] = [];
  const troubles: Error[] = [];
  const participant = loneParticipant({
    self: newAuthor().id,
    seed: number,
    store,
    carried,
    nonce: number,
    now: () => NOW,
    onAdmission: (admission) => admissions.push(admission),
    onTrouble: (_what, _peer, error) => troubles.push(error),
  });
  return { store, participant, admissions, troubles };
}

type Friend = Awaited<ReturnType<typeof friend>>;

/** @returns the kinds of frames of each answer, and what came of it */
async function talk(asker: Friend, answerer: Friend, saysFirst: readonly Uint8Array[] = []): Promise<string[][]> {
  const question = asker.participant.syncWith('answerer');
  const answers: string[][] = [];
  for (;;) {
    const step = await question.next();
    if ('done' in step) return answers;
    const answering = answerer.participant.answering.get(SYNC_PROTOCOL);
    assert.ok(answering !== undefined);
    const kinds: string[] = [];
    for (const frame of answers.length === 0 ? saysFirst : []) await question.frame(frame);
    for await (const frame of answering(step.ask, { peerId: 'asker', author: null })) {
      kinds.push(String(decodeAnswer(frame).case));
      await question.frame(frame);
    }
    answers.push(kinds);
  }
}

function envelopesOf(records: readonly { readonly envelope: Uint8Array }[]): Uint8Array[] {
  return records.map(({ envelope }) => envelope);
}

/** Two branches of one feed, and the feed of somebody honest, longer at the second friend's. */
async function friends(left: Chain, right: Chain) {
  const honest = newAuthor();
  const carried = [left.author, honest.id];
  const [one, other] = [await friend(1, carried), await friend(2, carried)];
  const theirs = feed(honest, 5);
  await one.store.admitAll([...left.envelopes, ...envelopesOf(theirs.slice(0, 2))], everybody);
  await other.store.admitAll([...right.envelopes, ...envelopesOf(theirs)], everybody);
  const froze = async ({ store }: Friend) => (await store.frozen()).map(({ author }) => author);
  const has = async ({ store }: Friend) => (await store.head(honest.id, 'public'))?.seq;
  return { one, other, froze, has, honest };
}

const reasons = ({ admissions }: Friend) =>
  admissions.flatMap((one) => (one.result === 'refused' ? [one.reason] : [])).toSorted();

describe('threat 7: the friends of an author with two faces', () => {
  const trunk = (): Chain => new Chain().write('trunk', 3);
  const faces: Readonly<Record<string, () => readonly [Chain, Chain]>> = {
    'another key, and many records since': () => [
      trunk().rotate(2).write('left', 25),
      trunk().rotate(3).write('right', 25),
    ],
    'another key, and as many more epochs': () => [
      trunk().rotate(2).write('left', 3),
      trunk().rotate(3).write('right', 20).rotate(4).write('right', 20).rotate(5).write('right', 20),
    ],
    'another key in the third epoch': () => {
      const common = trunk().rotate(2).write('b', 2).rotate(3).write('c', 2);
      return [common.branch().rotate(4).write('left', 20), common.branch().rotate(5).write('right', 20)];
    },
    'a revocation': () => [trunk().revoke(), trunk().rotate(3).write('right', 20)],
    'another recovery': () => [trunk().recover(2).write('left', 20), trunk().recover(3, 2).write('right', 20)],
  };
  for (const [name, make] of Object.entries(faces)) {
    it(`find it out in one sync each: ${name}`, async () => {
      const { one, other, froze, has } = await friends(...make());
      await talk(one, other);
      await talk(other, one);
      await talk(one, other);
      const [author] = await froze(one);
      assert.ok(author !== undefined);
      assert.deepEqual(await froze(other), [author]);
      assert.equal(await has(one), 5, 'what somebody else has published came all the same');
      for (const who of [one, other]) {
        assert.deepEqual(who.troubles, []);
        assert.ok(
          reasons(who).every((reason) => reason === 'fork' || reason === 'frozen'),
          reasons(who).join(' '),
        );
      }
    });
  }

  it('lose this author’s part of a sync, and no other, where the other side sends what cannot be checked', async () => {
    // As a version did that sent no openings first.
    const left = trunk().rotate(2).write('left', 2);
    const right = trunk().rotate(3).write('right', 200);
    const { one, other, has } = await friends(left, trunk().rotate(2).write('left', 1));
    const records = envelopesOf(right.records.slice(6));
    const answer = (envelopes: Uint8Array[]): Uint8Array =>
      encodeAnswer({ case: 'records', value: { $typeName: 'portalgun.sync.v1.Records', envelopes } });
    assert.ok(records.length > SYNC_MAX_REFUSED);
    await talk(one, other, [answer(records.slice(0, 100)), answer(records.slice(100))]);
    assert.equal(await has(one), 5);
    assert.deepEqual(
      one.troubles.map((error) => 'code' in error && error.code),
      ['exchange/bad-records'],
    );
    // What of it was not looked at any more cost nothing.
    const refused = reasons(one).length;
    assert.ok(refused >= SYNC_MAX_REFUSED_PER_AUTHOR && refused <= 64, String(refused));
  });

  it('hear no head of an epoch whose opening has not come yet', async () => {
    const chain = trunk().rotate(2).write('b', 40);
    const first = newAuthor();
    // Feeds are shipped from the last mark to the first.
    const carried = [chain.author, first.id];
    const [one, other] = [await friend(1, carried), await friend(2, carried)];
    await other.store.admitAll([...envelopesOf(feed(first, SYNC_MAX_RECORDS)), ...chain.envelopes], everybody);
    const mark = await other.store.head(chain.author, 'public');
    assert.ok(mark !== undefined);
    const signed = signHead(chain.seed, NETWORK, mark, { now: new Date(NOW), feedKeys: chain.keys });
    await other.store.putHead(signed.envelope, { ...everybody, now: new Date(NOW) });
    const answers = await talk(one, other);
    assert.deepEqual(
      answers.map((kinds) => kinds.includes('heads')),
      [false, true],
    );
    assert.deepEqual(one.troubles, []);
    assert.equal((await one.store.headOf(chain.author, 'public'))?.head.id, mark.id);
  });
});

describe('gossip of an author with two faces', () => {
  it('is held against no relay: what is signed by a key that only others know is ignored, and its sender asked', async () => {
    const [left, right] = [new Chain().write('a').rotate(2), new Chain().write('a').rotate(3).write('b')];
    const store = await LevelStore.over(new Disk(), NETWORK, memo);
    await store.admitAll(left.envelopes, everybody);
    const asked: string[] = [];
    const judge = createGossipJudge({
      store,
      carries: () => true,
      budgets: createBudgets(
        () => true,
        () => NOW,
      ),
      now: () => NOW,
      onAdmission: () => undefined,
      onGap: (peer) => asked.push(peer),
      onTrouble: () => undefined,
    });
    const relayed = judge('relay', left.author, right.last.envelope);
    assert.equal(await relayed.verdict, 'ignore');
    await relayed.stored;
    assert.deepEqual(asked, ['relay']);
    // Of the first epoch everybody knows the key.
    const forged = Uint8Array.from(new Chain().write('forged').last.envelope);
    forged[forged.length - 100] = (forged[forged.length - 100] ?? 0) ^ 1;
    const sent = judge('forger', left.author, forged);
    assert.equal(await sent.verdict, 'reject');
    await sent.stored;
    assert.deepEqual(asked, ['relay']);
  });
});
