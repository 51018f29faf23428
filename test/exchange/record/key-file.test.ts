/** Key records in a file: a record of an author who has changed keys is checked without that author's feed. */
import assert from 'node:assert/strict';
import { RefusedError } from '../../../src/errors.ts';
import {
  KEY_FILE_MAX_BYTES,
  KEY_FILE_MAX_RECORDS,
  keyRecordsToText,
  openKeyFile,
  openRecordFile,
  recordToJson,
  standsIn,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { NETWORK } from './author.ts';
import { GroupChain } from './group-chain.ts';
import { Chain, seedOf } from './keys.ts';

const isOfKeys = ({ statement }: VerifiedRecord): boolean => statement.predicateType === 'urn:portalgun:key:v1';

/** The key records of a branch, as its followers would write them down. */
const keysOf = (chain: Chain): string => keyRecordsToText(chain.records.filter(isOfKeys));

function verify(record: VerifiedRecord, keys: string): VerifiedRecord {
  const file = openKeyFile(Buffer.from(keys), NETWORK);
  return openRecordFile(Buffer.from(recordToJson(record)), {
    network: NETWORK,
    keysOf: (author) => file.chainOf(author).keys,
    standing: (one) => standsIn(file.chainOf(one.link.author), one),
  });
}

/** Asserts a refusal with this code whose words hold these. */
function refuses(work: () => unknown, code: string, words: RegExp): void {
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof RefusedError, String(error));
    assert.equal(error.code, code);
    assert.equal(error.exitCode, 3);
    assert.match(error.message, words);
    return true;
  });
}

describe('key records in a file', () => {
  const chain = new Chain().write('a', 3).rotate(2).write('b', 2).recover(3, -1, { next: 98 }).write('c', 2);

  it('let every record of the feed be checked, in each of its epochs, key records themselves too', () => {
    for (const record of chain.records) assert.equal(verify(record, keysOf(chain)).id, record.id);
    // The file need not end with a line end, and may say nothing of other authors.
    assert.equal(verify(chain.last, keysOf(chain).trimEnd()).id, chain.last.id);
  });

  it('are needed from the second key on, and the refusal says what to ask for', () => {
    const opening = keyRecordsToText([chain.at(0)]);
    refuses(() => verify(chain.last, opening), 'record/refused', /has not seen what opened epoch 2 of recovery 1/);
    assert.throws(() => verify(chain.last, opening), { hint: /why RECORD --keys FILE/ });
  });

  it('do not let a key sign behind the place where it was given up', () => {
    const late = new Chain().write('a', 4);
    refuses(
      () => verify(late.last, keysOf(chain)),
      'record/refused',
      /given up after record 4 of epoch 0, and it is record 5/,
    );
  });

  it('do not let a key sign behind its revocation', () => {
    const revoked = new Chain().write('a').revoke();
    const late = new Chain().write('a', 3);
    refuses(() => verify(late.last, keysOf(revoked)), 'record/refused', /revoked with record 3, and it is record 4/);
    assert.equal(verify(revoked.last, keysOf(revoked)).id, revoked.last.id);
  });

  it('threat 17: that end at a revocation let the recovery after it stand, and no other key change', () => {
    const revoked = new Chain().write('a').revoke();
    const keys = keysOf(revoked);
    const recovery = revoked.branch().recover(2).last;
    assert.equal(verify(recovery, keys).id, recovery.id);
    // A record that it has left behind may be one that the thief has revoked at.
    const earlier = revoked.branch().recover(2, 1).last;
    assert.equal(verify(earlier, keys).id, earlier.id);
    // By any other key than the recovery key, and of any other kind, it does not.
    const forged = new Chain(undefined, 0, 66).write('a').revoke().recover(7, -1, { by: 66, next: 66 }).last;
    refuses(() => verify(forged, keys), 'record/refused', /another key than the one that signs there/);
    const late = new Chain().write('a', 2).rotate(66).last;
    refuses(() => verify(late, keys), 'record/refused', /revoked with record 3, and it is record 1/);
  });

  it('threat 17: do not let count what a recovery has left behind', () => {
    const trunk = new Chain().write('a');
    const thief = trunk.branch().rotate(66).write('theirs');
    const owner = trunk.branch().recover(2);
    refuses(() => verify(thief.last, keysOf(owner)), 'record/refused', /belongs to recovery 0, and 1 has ended that/);
  });

  it('threat 17: are the only changes of key there were, as far as they go', () => {
    const trunk = new Chain().write('a');
    const owner = trunk.branch().rotate(2).write('b').recover(3, -1, { next: 98 }).write('c');
    const beside = /there is another key record/;
    // With a key that was given up, in its place and behind it, and with a recovery key that was replaced.
    refuses(() => verify(trunk.branch().rotate(66).last, keysOf(owner)), 'record/refused', beside);
    const given = owner.branch(owner.records.length - 2);
    given.seed = seedOf(2);
    refuses(() => verify(given.rotate(66).last, keysOf(owner)), 'record/refused', beside);
    refuses(() => verify(trunk.branch().recover(66).last, keysOf(owner)), 'record/refused', beside);
    const later = trunk.branch().rotate(2).rotate(4).recover(66);
    refuses(() => verify(later.last, keysOf(owner)), 'record/refused', beside);
    // What goes on from the newest of them can be another one's as well, and no file can say so.
    assert.equal(verify(owner.branch().rotate(5).last, keysOf(owner)).link.epoch, 3);
  });

  it('of a thief’s own recovery key, or with one missing in between, do not hold', () => {
    const forged = new Chain(undefined, 0, 66).recover(7, -1, { by: 66, next: 66 });
    const mixed = keyRecordsToText([chain.at(0), forged.last]);
    refuses(
      () => openKeyFile(Buffer.from(mixed), NETWORK),
      'record/bad-key-records',
      /line 2: .*another key than the one that signs there/,
    );
    const gap = keyRecordsToText([chain.at(0), chain.records.filter(isOfKeys).at(-1)!]);
    refuses(() => verify(chain.last, gap.replace(/^.*\n/, '')), 'record/bad-key-records', /line 1: /);
  });

  it('say who signs in a private group in the newest epoch, and of none before what the group has kept', () => {
    const author = new Chain().write('a');
    const group = new GroupChain().write(author, 'old');
    author.rotate(2);
    group.follow(author).write(author, 'new');
    for (const record of group.records.slice(1)) assert.equal(verify(record, keysOf(author)).id, record.id);
    assert.equal(verify(group.at(0), keysOf(new Chain())).id, group.at(0).id);
    refuses(
      () => verify(group.at(0), keysOf(author)),
      'record/refused',
      /of epoch 0, whose key its author has given up/,
    );
    refuses(() => verify(group.last, keysOf(author.branch().revoke())), 'record/refused', /has revoked the key/);
    const withGroup = keysOf(author) + recordToJson(group.at(1));
    refuses(() => verify(group.last, withGroup), 'record/bad-key-records', /line 3 is of a private group/);
  });

  it('stand in their order, each once', () => {
    const [opening, rotation] = chain.records.filter(isOfKeys);
    const text = keyRecordsToText([opening!, rotation!, rotation!]);
    refuses(
      () => openKeyFile(Buffer.from(text), NETWORK),
      'record/bad-key-records',
      /line 3 does not come after .* 0\/1\/1/,
    );
    const two = new Chain().rotate(7);
    const both = keyRecordsToText([two.at(0), two.last, new Chain().rotate(8).last]);
    refuses(() => openKeyFile(Buffer.from(both), NETWORK), 'record/bad-key-records', /line 3/);
  });

  it('are key records, readable, not empty, and no more than a feed can have', () => {
    const open = (text: string) => openKeyFile(Buffer.from(text), NETWORK);
    refuses(() => open(recordToJson(chain.at(1))), 'record/bad-key-records', /line 1 is no key record/);
    refuses(() => open('{}\n'), 'record/bad-key-records', /line 1: /);
    refuses(() => open(''), 'record/bad-key-records', /it is empty/);
    refuses(() => open('\n'.repeat(KEY_FILE_MAX_RECORDS + 1)), 'record/bad-key-records', /more than \d+ lines/);
    refuses(() => open(' '.repeat(KEY_FILE_MAX_BYTES + 1)), 'record/bad-key-records', /more than \d+ bytes/);
    refuses(() => openKeyFile(Buffer.from(keysOf(chain)), 'another'), 'record/bad-key-records', /line 1: .*network/);
    // Behind a revocation only a recovery changes keys.
    const revoked = new Chain().write('a').revoke();
    const on = new Chain().write('a', 2).rotate(5);
    const text = keyRecordsToText([...revoked.records.filter(isOfKeys), on.last]);
    refuses(() => open(text), 'record/bad-key-records', /comes after a revocation/);
  });
});
