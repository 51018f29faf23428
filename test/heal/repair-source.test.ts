/** Patches as a repair source: what is tried, what is passed over and why. */
import assert from 'node:assert/strict';
import { sha256, type Digest } from '../../src/crypto/digest.ts';
import type { Apply } from '../../src/exchange/trust/types.ts';
import { peerRepairs, type Candidate, type PeerRepairOptions } from '../../src/heal/index.ts';
import type { RepairRequest } from '../../src/workshop/provision/types.ts';
import { author } from './patches.ts';

// What is failing is the lookup's business: these tests give it by hand.
const request = {} as unknown as RepairRequest;
const signal = new AbortController().signal;

function candidate(number: number, apply: Apply): Candidate {
  return {
    record: sha256(`patch ${number}`),
    author: author(1).id,
    summary: `patch ${number}`,
    changeClass: 'wording',
    operations: [],
    result: sha256(`result ${number}`),
    sameBase: true,
    decision: { apply, because: ['first', `policy says ${apply}`], missing: [], rule: null },
  };
}

interface Tried {
  /** In order: patches proposed, and passed over with their reason. */
  readonly proposed: Digest[];
  readonly passed: [Digest, string][];
}

/** Asks each source again and again until it has nothing more to say, as a build does whose every try fails. */
async function exhaust(options: Pick<PeerRepairOptions, 'lookup'> & Partial<PeerRepairOptions>): Promise<Tried> {
  const passed: [Digest, string][] = [];
  const proposed: Digest[] = [];
  const { sources } = peerRepairs({ passedOver: (record, reason) => passed.push([record, reason]), ...options });
  for (const source of sources) {
    for (;;) {
      const answer = await source.propose(request, signal);
      if (!answer) break;
      assert.ok(answer.kind === 'patch' && answer.origin === 'trusted-patch' && answer.patch !== undefined);
      proposed.push(answer.patch);
    }
  }
  return { proposed, passed };
}

const finds =
  (...candidates: Candidate[]): PeerRepairOptions['lookup'] =>
  async () => ({ candidates, unfit: [] });

describe('trusted patches as a repair source', () => {
  it('look into the store first, and ask peers second', async () => {
    const asked: boolean[] = [];
    await exhaust({
      lookup: async (_, askPeers) => {
        asked.push(askPeers);
        return { candidates: [], unfit: [] };
      },
    });
    assert.deepEqual(asked, [false, true]);
  });

  it('try each patch once a build, in the order given, whichever source finds it', async () => {
    const [one, two] = [candidate(1, 'auto'), candidate(2, 'auto')];
    assert.deepEqual((await exhaust({ lookup: finds(one, two) })).proposed, [one.record, two.record]);
  });

  it('never try what policy forbids, and pass on its reason', async () => {
    const forbidden = candidate(1, 'never');
    let questions = 0;
    const confirm = async () => (questions += 1) > 0;
    const { proposed, passed } = await exhaust({ lookup: finds(forbidden), confirm });
    assert.deepEqual(proposed, []);
    assert.equal(questions, 0);
    assert.deepEqual(passed[0], [forbidden.record, 'policy says never (class wording)']);
  });

  it('do not try what needs a person where nobody is asked, and say so', async () => {
    const one = candidate(1, 'ask');
    const { proposed, passed } = await exhaust({ lookup: finds(one) });
    assert.deepEqual(proposed, []);
    assert.match(passed[0]?.[1] ?? '', /leaves it to you \(class wording\), /);
  });

  it('ask the person once about each, and keep to a no', async () => {
    const [yes, no] = [candidate(1, 'ask'), candidate(2, 'ask')];
    const questions: Digest[] = [];
    const { proposed } = await exhaust({
      lookup: finds(no, yes),
      confirm: async ({ record }) => {
        questions.push(record);
        return record === yes.record;
      },
    });
    assert.deepEqual(proposed, [yes.record]);
    assert.deepEqual(questions, [no.record, yes.record]);
  });

  it('never try what does not fit, and say why once for each look', async () => {
    const record = sha256('lying');
    const { proposed, passed } = await exhaust({
      lookup: async () => ({ candidates: [], unfit: [{ record, reason: 'its operations give another digest' }] }),
    });
    assert.deepEqual(proposed, []);
    assert.ok(passed.length > 0 && passed.every(([id, reason]) => id === record && /another digest/.test(reason)));
  });

  it('are told once when they come while a person is waited for, and never where policy says never', async () => {
    const looks: Candidate[][] = [
      [],
      [candidate(1, 'ask'), candidate(2, 'never')],
      [candidate(1, 'ask'), candidate(2, 'never'), candidate(3, 'auto')],
    ];
    let look = 0;
    const stop = new AbortController();
    const { sources, arrivals } = peerRepairs({
      lookup: async () => ({ candidates: looks[Math.min(look++, looks.length - 1)] ?? [], unfit: [] }),
      passedOver: () => undefined,
      wait: async () => {
        if (look > looks.length) stop.abort();
      },
    });
    const told: string[] = [];
    for await (const { summary } of arrivals(request, stop.signal)) told.push(summary);
    assert.deepEqual(told, ['patch 1', 'patch 3']);
    // What was told has been decided about: no source proposes it again.
    assert.equal(await sources[0]?.propose(request, signal), undefined);
  });
});
