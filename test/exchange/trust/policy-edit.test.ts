import assert from 'node:assert/strict';
import {
  addPeer,
  addRule,
  decide,
  defaultPolicyText,
  parsePolicy,
  removePeer,
  setFollow,
} from '../../../src/exchange/trust/index.ts';
import { ALICE, BOB, CAROL, question } from './people.ts';

const OWN_WORDS = `# my people
peers:
  alice: { id: "${ALICE}" } # met at the fair

  # not sure about bob
  bob: { id: "${BOB}" }
groups:
  both: { k: 2, of: [alice, bob] }
`;

describe('editing the policy', () => {
  it('adds a peer to the default file and keeps every line of it but the empty mapping', () => {
    const edited = addPeer(defaultPolicyText(), 'alice', { id: ALICE, addresses: ['/dns4/a.example/tcp/4001'] });
    assert.deepEqual(
      { ...parsePolicy(edited, 'p.yaml').peers['alice'] },
      {
        id: ALICE,
        addresses: ['/dns4/a.example/tcp/4001'],
        follow: true,
      },
    );
    const kept = edited.split('\n').filter((line) => !line.includes(ALICE) && line !== 'peers:');
    assert.deepEqual(
      kept,
      defaultPolicyText()
        .split('\n')
        .filter((line) => line !== 'peers: {}'),
    );
  });

  it('adds a peer with the recovery keys that were named for them', () => {
    const recovery = [
      { recovery: 0, key: BOB },
      { recovery: 2, key: CAROL },
    ];
    const edited = addPeer('', 'alice', { id: ALICE, recovery });
    assert.deepEqual(parsePolicy(edited, 'p.yaml').peers['alice']?.recovery, recovery);
    assert.equal('recovery' in parsePolicy(addPeer('', 'alice', { id: ALICE }), 'p.yaml').peers['alice']!, false);
  });

  it('keeps comments, order and blank lines of a file that a person wrote', () => {
    const edited = addPeer(OWN_WORDS, 'carol', { id: CAROL, follow: false });
    for (const line of OWN_WORDS.split('\n')) assert.ok(edited.split('\n').includes(line), line);
    assert.equal(parsePolicy(edited, 'p.yaml').peers['carol']?.follow, false);
    assert.equal(removePeer(edited, 'carol'), OWN_WORDS);
  });

  it('adds and removes so that the default file comes back', () => {
    const edited = addPeer(defaultPolicyText(), 'alice', { id: ALICE });
    assert.equal(removePeer(edited, 'alice'), defaultPolicyText());
  });

  it('adds to a file that has no peers at all', () => {
    for (const text of ['', 'defaults: { patches: never }\n', 'peers:\ndefaults: { patches: never }\n']) {
      assert.equal(parsePolicy(addPeer(text, 'alice', { id: ALICE }), 'p.yaml').peers['alice']?.id, ALICE);
    }
  });

  it('edits a file in any of the shapes that a person may write', () => {
    const shapes = [
      `peers: { alice: { id: "${ALICE}" } }\n`,
      `peers: {\n  alice: {id: "${ALICE}"},\n}\n`,
      `peers:\n    alice:\n        id: ${ALICE}\n        addresses:\n            - /ip4/10.0.0.1/tcp/1\n\ndefaults: {}\n`,
      `peers: # people\n  alice: { id: "${ALICE}" }`,
      `defaults: {}\npeers: { } # nobody yet\ngroups:\n`,
    ];
    for (const shape of shapes) {
      const added = addPeer(shape, 'on', { id: BOB });
      assert.equal(parsePolicy(added, 'p.yaml').peers['on']?.id, BOB, added);
      const unfollowed = setFollow(setFollow(added, 'on', false), 'on', true);
      assert.equal(parsePolicy(unfollowed, 'p.yaml').peers['on']?.follow, true, unfollowed);
      const alone = Object.keys(parsePolicy(shape, 'p.yaml').peers);
      const removed = parsePolicy(removePeer(unfollowed, 'on'), 'p.yaml');
      assert.deepEqual(Object.keys(removed.peers), alone);
      const nobody = alone.includes('alice') ? removePeer(shape, 'alice') : shape;
      assert.deepEqual(Object.keys(parsePolicy(nobody, 'p.yaml').peers), []);
    }
  });

  it('changes follow and nothing else', () => {
    const edited = setFollow(OWN_WORDS, 'bob', false);
    assert.equal(parsePolicy(edited, 'p.yaml').peers['bob']?.follow, false);
    assert.equal(edited, OWN_WORDS.replace(`{ id: "${BOB}" }`, `{ id: "${BOB}", follow: false }`));
    assert.equal(setFollow(OWN_WORDS, 'bob', true), OWN_WORDS);
  });

  it('adds a rule that decides as it says', () => {
    const withAlice = addPeer(defaultPolicyText(), 'alice', { id: ALICE });
    const edited = addRule(withAlice, { recipes: ['alice/*'], auto: ['wording', 'choices'], when: 'alice' });
    assert.ok(edited.includes('wording: { apply: auto, when: alice }'), edited);
    const policy = parsePolicy(edited, 'p.yaml');
    assert.equal(decide(policy, question()).apply, 'auto');
    assert.equal(decide(policy, question({ changeClass: 'sends' })).apply, 'ask');
    const again = addRule(edited, { recipes: ['*/x'], auto: ['wording'], when: 'alice' });
    assert.equal(parsePolicy(again, 'p.yaml').rules.length, 2);
  });

  it('refuses to add a rule for automatic authority, or one that names nobody', () => {
    const withAlice = addPeer('', 'alice', { id: ALICE });
    const rule = { recipes: ['alice/*'], when: 'alice' } as const;
    assert.throws(() => addRule(withAlice, { ...rule, auto: ['authority'] }), { code: 'policy/invalid' });
    assert.throws(() => addRule(withAlice, { ...rule, auto: ['wording'], when: 'bob' }), { code: 'policy/invalid' });
  });

  it('refuses a name or a key that is there already', () => {
    assert.throws(() => addPeer(OWN_WORDS, 'alice', { id: CAROL }), { code: 'policy/peer-exists', exitCode: 2 });
    assert.throws(() => addPeer(OWN_WORDS, 'al', { id: ALICE }), { code: 'policy/peer-exists', message: /as alice/ });
  });

  it('refuses an entry that would break the file', () => {
    assert.throws(() => addPeer(OWN_WORDS, 'c d', { id: CAROL }), { code: 'policy/invalid' });
    assert.throws(() => addPeer(OWN_WORDS, 'both', { id: CAROL }), { code: 'policy/invalid' });
    assert.throws(() => addPeer(OWN_WORDS, 'carol', { id: 'ed25519:1' }), { code: 'policy/invalid' });
    assert.throws(() => addPeer('peers: 1\n', 'carol', { id: CAROL }), { code: 'policy/invalid' });
  });

  it('refuses to remove somebody unknown, or whom a group or rule still counts', () => {
    assert.throws(() => removePeer(OWN_WORDS, 'erin'), { code: 'policy/no-such-peer', hint: /alice, bob/ });
    assert.throws(() => setFollow(OWN_WORDS, 'erin', true), { code: 'policy/no-such-peer' });
    assert.throws(() => removePeer(OWN_WORDS, 'bob'), { code: 'policy/peer-in-use', message: /group both/ });
    const ruled = addRule(addPeer('', 'alice', { id: ALICE }), { recipes: ['*/x'], auto: ['wording'], when: 'alice' });
    assert.throws(() => removePeer(ruled, 'alice'), { code: 'policy/peer-in-use', message: /rule at line/ });
  });
});
