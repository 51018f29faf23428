import assert from 'node:assert/strict';
import { sha256 } from '../../../src/crypto/digest.ts';
import { SYMPTOM_MAX_PLACES } from '../../../src/exchange/p2p/limits.ts';
import { authorOfSeed, createNodes, seqOf } from './nodes.ts';

const SYMPTOM = sha256('the menu entry is gone');
const OTHER = sha256('something else');

describe('asking for a symptom', function () {
  this.timeout(30_000);
  const nodes = createNodes();
  const limit = (): AbortSignal => AbortSignal.timeout(25_000);
  afterEach(() => nodes.clean());

  it('brings the patch of a trusted peer who is dialled for it, admitted like anything else', async () => {
    const alice = await nodes.start({ seed: 1, following: [authorOfSeed(2)] });
    await alice.write(OTHER);
    const cure = await alice.write(SYMPTOM);
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author],
      trusted: () => [{ author: alice.author, addresses: [alice.address] }],
    });
    const found = await bob.exchange.askSymptom(SYMPTOM, limit());
    assert.deepEqual(
      found.map(({ id }) => id),
      [cure.id],
    );
    assert.equal(await seqOf(bob, alice.author), 2);
    assert.deepEqual(await bob.exchange.askSymptom(sha256('unheard of'), limit()), []);
  });

  it('brings what a trusted peer carries of somebody whom we follow, and nothing of strangers', async () => {
    const alice = await nodes.start({ seed: 1 });
    const mallory = await nodes.start({ seed: 9 });
    const cure = await alice.write(SYMPTOM);
    await mallory.write(SYMPTOM);
    const carrier = await nodes.start({ seed: 3, following: [alice.author, mallory.author, authorOfSeed(2)] });
    await carrier.exchange.connect(alice.address);
    await carrier.exchange.connect(mallory.address);
    await alice.stop();
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author],
      trusted: () => [{ author: carrier.author, addresses: [carrier.address] }],
    });
    const found = await bob.exchange.askSymptom(SYMPTOM, limit());
    assert.deepEqual(
      found.map(({ id }) => id),
      [cure.id],
    );
    assert.equal(await seqOf(bob, mallory.author), 0);
  });

  it('names patches of every author, however many one of them has', async () => {
    const mallory = await nodes.start({ seed: 9 });
    const many: string[] = [];
    while (many.length < 2 * SYMPTOM_MAX_PLACES) many.push((await mallory.write(SYMPTOM)).id);
    const alice = await nodes.start({ seed: 1, following: [mallory.author, authorOfSeed(2)] });
    // One whose id sorts behind those of all the places that there are.
    const last = many.toSorted()[SYMPTOM_MAX_PLACES] ?? '';
    let cure = await alice.write(SYMPTOM);
    while (cure.id < last) cure = await alice.write(SYMPTOM);
    await alice.exchange.connect(mallory.address);
    assert.equal(await seqOf(alice, mallory.author), many.length);
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author, mallory.author],
      trusted: () => [{ author: alice.author, addresses: [alice.address] }],
    });
    const found = await bob.exchange.askSymptom(SYMPTOM, limit());
    assert.ok(found.some(({ id }) => id === cure.id));
    assert.equal(found.length, SYMPTOM_MAX_PLACES);
  });

  it('is answered only to peers of the policy', async () => {
    const alice = await nodes.start({ seed: 1 });
    await alice.write(SYMPTOM);
    const bob = await nodes.start({
      seed: 2,
      trusted: () => [{ author: alice.author, addresses: [alice.address] }],
    });
    assert.deepEqual(await bob.exchange.askSymptom(SYMPTOM, limit()), []);
    assert.ok(bob.troubles.some(({ error }) => error.message.includes('only peers of its policy')));
  });

  it('goes on without a trusted peer who cannot be reached', async () => {
    const alice = await nodes.start({ seed: 1, following: [authorOfSeed(2)] });
    const cure = await alice.write(SYMPTOM);
    const gone = await nodes.start({ seed: 3 });
    await gone.stop();
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author],
      trusted: () => [
        { author: gone.author, addresses: [gone.address] },
        { author: alice.author, addresses: [alice.address] },
      ],
    });
    const found = await bob.exchange.askSymptom(SYMPTOM, limit());
    assert.deepEqual(
      found.map(({ id }) => id),
      [cure.id],
    );
    assert.ok(bob.troubles.some(({ peer }) => peer === gone.author));
  });
});
