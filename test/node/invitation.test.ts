/** Invitations: what they say of recovery keys, and what becomes of it in the home of whoever adds them. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { authorIdOf, signHead, type RecoveryPin } from '../../src/exchange/record/index.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity, writeIdentity } from '../../src/node/identity-files.ts';
import { formatInvitation, parseInvitation } from '../../src/node/invitation.ts';
import { formatRecoveryKey } from '../../src/node/recovery-key.ts';
import { stalenessAt } from '../../src/node/knowledge.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, type Session } from '../../src/node/session.ts';
import { Chain, seedOf } from '../exchange/record/keys.ts';
import { assertDocumented } from '../docs/documented.ts';
import type { Answer } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const signal = new AbortController().signal;
const ALICE = new Chain().author;
const pin = (recovery: number, seed: number): RecoveryPin => ({
  recovery,
  key: authorIdOf(publicKeyOf(seedOf(seed))),
});
const invitationTo = (...recovery: RecoveryPin[]): string =>
  formatInvitation({ author: ALICE, network: 'test', addresses: [], recovery });

describe('an invitation', () => {
  it('reads as it was written, recovery keys too; one of an earlier version names none', () => {
    const whole = { author: ALICE, network: 'test', addresses: ['/ip4/192.0.2.7/tcp/4001'], recovery: [pin(0, 99)] };
    assert.deepEqual(parseInvitation(formatInvitation(whole)), whole);
    const two = { ...whole, recovery: [pin(0, 99), pin(3, 98)] };
    assert.deepEqual(parseInvitation(formatInvitation(two)), two);
    const earlier = `portalgun:${ALICE.slice('ed25519:'.length)}?network=test&address=%2Fip4%2F192.0.2.7%2Ftcp%2F4001`;
    assert.deepEqual(parseInvitation(earlier), { ...whole, recovery: [] });
    assert.deepEqual(parseInvitation(ALICE).recovery, []);
  });

  it('threat 17: is refused where what it says of a recovery key does not read, and not read without it', () => {
    const good = invitationTo(pin(0, 99));
    for (const bad of [good.slice(0, -1), good.replace('recovery=0.', 'recovery='), good.replace('=0.', '=65.')]) {
      assert.throws(() => parseInvitation(bad), { code: 'peer/bad-invitation', hint: /whole line/ });
    }
    assert.throws(() => parseInvitation(`${good}&recovery=0.${'00'.repeat(32)}`), { code: 'peer/bad-invitation' });
    // Two keys under one number: whichever was put in, neither is believed.
    for (const twice of [invitationTo(pin(0, 99), pin(0, 98)), invitationTo(pin(0, 99), pin(0, 99))]) {
      assert.throws(() => parseInvitation(twice), { code: 'peer/bad-invitation' });
    }
  });

  describe('in a home', function () {
    this.timeout(60_000);
    let test: TestHome;
    let session: Session;
    const call = (operation: string, args: Record<string, unknown> = {}): Promise<Answer> =>
      runOperation(session, operation, args, signal) as Promise<Answer>;
    const store = async (chain: Chain): Promise<void> => {
      await session.store.admitAll(chain.envelopes, { follows: () => true });
      const { id, link } = chain.last;
      const head = signHead(chain.seed, 'test', { ...link, id }, { now: new Date(), feedKeys: chain.keys });
      await session.store.putHead(head.envelope, { follows: () => true, now: new Date() });
    };

    beforeEach(async () => {
      test = await tempHome();
      await openHome(test.home);
      await createIdentity(test.home);
      await writeFile(test.home.policyFile, '');
      const config = `${test.home.config}/config.yaml`;
      await writeFile(config, 'network: test\n');
      session = await openSession(test.home);
    });
    afterEach(async () => {
      await session.close();
      await test.remove();
    });

    it('names the recovery key before there is a record, and after a recovery the new one too', async () => {
      const said = async () => parseInvitation((await call('id')).invitation).recovery;
      const { author, recoveryPublicKey } = session.identity;
      const first = { recovery: 0, key: authorIdOf(recoveryPublicKey) };
      assert.deepEqual(await said(), [first]);
      await call('key.rotate', { offline: true });
      assert.deepEqual(await said(), [first]);
      // Of a home that has lost its feed nothing is said but what it knows: its key is not the first one any more.
      assert.notEqual(session.identity.keys[0]?.id, author);
      await session.close();
      await rm(test.home.storeDir, { recursive: true });
      session = await openSession(test.home);
      assert.deepEqual(await said(), []);
    });

    it('threat 17: names no key that a thief has put into the own feed', async () => {
      const owner = new Chain();
      const identity = { author: ALICE, recoveryPublicKey: publicKeyOf(seedOf(99)), seeds: [seedOf(1)] };
      await session.close();
      await writeIdentity(test.home, identity);
      session = await openSession(test.home);
      const said = async () => parseInvitation((await call('id')).invitation).recovery;
      await store(owner);
      assert.deepEqual(await said(), [pin(0, 99)]);
      // Made with a copy of the paper, and come from a peer: until the owner makes one beside it, it is what is stored.
      await store(owner.branch().recover(66, -1, { next: 67 }));
      assert.equal(session.store.keysOf(ALICE, 'public').recoveryKeys.length, 2);
      assert.deepEqual(await said(), []);
      const options = { offline: true, contest: true, recoveryKey: formatRecoveryKey(seedOf(99)) };
      await call('key.recover', { ...options, newRecoveryKey: formatRecoveryKey(seedOf(98)) });
      assert.deepEqual(await said(), [pin(0, 99), pin(1, 98)]);
    });

    it('is written down with them, and shown', async () => {
      const named = [pin(0, 99), pin(1, 98)];
      const added = await call('peer.add', { invitation: invitationTo(...named), name: 'alice' });
      assertDocumented(['peer', 'add'], added);
      assert.match(await readFile(test.home.policyFile, 'utf8'), /recovery: \["0\.[0-9a-f]{64}", "1\.[0-9a-f]{64}"\]/);
      const shown = await call('peer.show', { peer: 'alice' });
      assertDocumented(['peer', 'show'], shown);
      assert.deepEqual(shown.recovery, added.recovery);
      assert.equal(shown.recovery.length, 2);
      await session.store.admit(new Chain(undefined, 0, 66).last.envelope, { follows: () => true });
      assert.equal(await session.store.head(ALICE, 'public'), undefined, 'the policy is what the store goes by');
      await store(new Chain());
      assert.equal((await stalenessAt(session))(ALICE), false);
    });

    it('threat 17: is not added where another feed of that author is stored, and makes it count for nothing', async () => {
      await store(new Chain(undefined, 0, 66).write('theirs'));
      await assert.rejects(call('peer.add', { invitation: invitationTo(pin(0, 99)), name: 'alice' }), {
        code: 'peer/other-recovery',
        exitCode: 3,
      });
      assert.equal(await readFile(test.home.policyFile, 'utf8'), '');
      // By an invitation of an earlier version, with the key written in by hand later.
      await call('peer.add', { invitation: invitationTo(), name: 'alice' });
      assert.equal((await stalenessAt(session))(ALICE), false);
      const policy = await readFile(test.home.policyFile, 'utf8');
      const { key } = pin(0, 99);
      const written = policy.replace(' }', `, recovery: ["0.${key.slice('ed25519:'.length)}"] }`);
      assert.notEqual(written, policy);
      await writeFile(test.home.policyFile, written);
      assert.equal((await stalenessAt(session))(ALICE), true);
    });
  });
});
