import assert from 'node:assert/strict';
import { UsageError } from '../../../src/errors.ts';
import { defaultPolicyText, followedAuthors, isFollowed, parsePolicy } from '../../../src/exchange/trust/index.ts';
import { MAX_POLICY_BYTES } from '../../../src/exchange/trust/limits.ts';
import { ALICE, BOB, CAROL, DAVE, PEERS } from './people.ts';

const EXAMPLE = `${PEERS}groups:
  core: { k: 2, of: [alice, bob, carol] }
rules:
  - recipes: ["alice/debian-12-*"]
    patches:
      wording: { apply: auto, when: alice }
      choices: { apply: auto, when: core }
      sends: { apply: ask }
    versions: { apply: ask, when: core }
    checksums: { confirm: { k: 2, of: [alice, bob, dave] } }
defaults: { patches: ask, versions: never }
`;

/** Asserts a complaint at `line:column` that mentions each of `words`. */
function refuses(text: string, position: string, ...words: string[]): void {
  assert.throws(
    () => parsePolicy(text, 'p.yaml'),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.code, 'policy/invalid');
      assert.ok(error.message.startsWith(`p.yaml:${position}: `), error.message);
      for (const word of words) assert.ok(`${error.message} ${error.hint}`.includes(word), `${word}: ${error.message}`);
      return true;
    },
  );
}

describe('parsePolicy', () => {
  it('reads peers, groups, rules and defaults, and keeps the line of each rule', () => {
    const policy = parsePolicy(EXAMPLE, 'p.yaml');
    assert.deepEqual({ ...policy.peers['bob'] }, { id: BOB, addresses: ['/dns4/bob.example/tcp/4001'], follow: false });
    assert.deepEqual({ ...policy.peers['alice'] }, { id: ALICE, addresses: [], follow: true });
    assert.deepEqual(policy.groups['core'], { k: 2, of: ['alice', 'bob', 'carol'] });
    assert.deepEqual(policy.rules, [
      {
        recipes: ['alice/debian-12-*'],
        patches: {
          wording: { apply: 'auto', when: 'alice' },
          choices: { apply: 'auto', when: 'core' },
          sends: { apply: 'ask' },
        },
        versions: { apply: 'ask', when: 'core' },
        checksums: { confirm: { k: 2, of: ['alice', 'bob', 'dave'] } },
        line: 9,
      },
    ]);
    assert.deepEqual(policy.defaults, { patches: 'ask', versions: 'never' });
  });

  it('follows every peer but those who are marked otherwise', () => {
    const policy = parsePolicy(EXAMPLE, 'p.yaml');
    assert.deepEqual(followedAuthors(policy), [ALICE, CAROL, DAVE]);
    assert.equal(isFollowed(policy, BOB), false);
    assert.equal(isFollowed(policy, CAROL), true);
  });

  it('takes an empty file and the default file, and neither makes anything automatic', () => {
    for (const text of ['', defaultPolicyText()]) {
      const policy = parsePolicy(text, 'p.yaml');
      assert.deepEqual(Object.keys(policy.peers), []);
      assert.deepEqual(policy.rules, []);
      assert.deepEqual(policy.defaults, { patches: 'ask', versions: 'ask' });
    }
  });

  it('takes a group written in place of a name', () => {
    const policy = parsePolicy(
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    patches: { wording: { apply: auto, when: { k: 2, of: [alice, bob] } } }\n`,
      'p.yaml',
    );
    assert.deepEqual(policy.rules[0]?.patches.wording?.when, { k: 2, of: ['alice', 'bob'] });
  });

  it('refuses an unknown key, and says where and which are known', () => {
    refuses('peerz: {}\n', '1:1', 'peerz', 'peers, groups, private, rules, defaults');
    refuses(`peers:\n  alice: { id: "${ALICE}", folow: true }\n`, '2:92', 'peers.alice.folow', 'follow');
    refuses(
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    patches: { words: { apply: ask } }\n`,
      '8:16',
      'wording, choices',
    );
  });

  it('refuses an id that is not one, an id under two names, and a key that proves nothing', () => {
    refuses(
      'peers:\n  alice: { id: "ed25519:12" }\n',
      '2:16',
      'peers.alice.id',
      '64 lower-case hex digits',
      'ed25519:12',
    );
    refuses('peers:\n  alice: {}\n', '2:10', 'an id for this peer');
    refuses(`${PEERS}  twin: { id: "${ALICE}" }\n`, '6:15', 'peers.twin.id', 'alice has this one');
    refuses(`peers:\n  weak: { id: "ed25519:01${'00'.repeat(31)}" }\n`, '2:15', 'sound public key', 'small order');
  });

  it('refuses names and addresses that are not ones', () => {
    refuses(`peers:\n  "a b": { id: "${ALICE}" }\n`, '2:3', 'a name of');
    refuses(`peers:\n  me: { id: "${ALICE}" }\n`, '2:3', 'another name');
    refuses(`peers:\n  alice: { id: "${ALICE}", addresses: ["10.0.0.1"] }\n`, '2:104', 'addresses[0]', 'an address');
    refuses(`peers:\n  alice: { id: "${ALICE}", addresses: [${'/ip4/1/tcp/1,'.repeat(17)}] }\n`, '2:103', 'at most 16');
    refuses(`${PEERS}groups:\n  alice: { k: 1, of: [bob] }\n`, '7:3', 'a name that no peer has');
  });

  it('refuses groups that cannot be counted in whole numbers', () => {
    refuses(`${PEERS}groups:\n  g: { k: 3, of: [alice, bob] }\n`, '7:11', 'groups.g.k', 'from 1 to 2');
    for (const k of ['0', '1.5', '"1"', '-1', '.inf']) {
      refuses(`${PEERS}groups:\n  g: { k: ${k}, of: [alice] }\n`, '7:11', 'whole number');
    }
    refuses(`${PEERS}groups:\n  g: { k: 1, of: [] }\n`, '7:18', 'at least one');
    refuses(`${PEERS}groups:\n  g: { k: 1, of: [erin] }\n`, '7:6', 'erin is neither');
    refuses(`${PEERS}groups:\n  g: { of: [alice] }\n`, '7:6', 'how many, of whom');
  });

  it('refuses an author who would stand in one group twice, directly or through another group', () => {
    refuses(`${PEERS}groups:\n  g: { k: 2, of: [alice, alice] }\n`, '7:26', 'alice is named already');
    refuses(
      `${PEERS}groups:\n  g: { k: 2, of: [alice, inner] }\n  inner: { k: 1, of: [bob, alice] }\n`,
      '7:6',
      'alice stands in g and in g > inner',
    );
  });

  it('refuses groups that lead back to themselves, and groups nested too deeply', () => {
    refuses(`${PEERS}groups:\n  a: { k: 1, of: [b] }\n  b: { k: 1, of: [a] }\n`, '7:6', 'a > b > a');
    const chain = Array.from({ length: 10 }, (_, i) => `  g${i}: { k: 1, of: [${i === 9 ? 'alice' : `g${i + 1}`}] }\n`);
    refuses(`${PEERS}groups:\n${chain.join('')}`, '7:7', 'nested at most 8');
  });

  it('refuses automatic authority, and explains', () => {
    const rule = (apply: string) =>
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    patches: { authority: { apply: ${apply}, when: alice } }\n`;
    refuses(rule('auto'), '8:27', 'rules[0].patches.authority', 'ask or never', 'never applied automatically');
    assert.equal(parsePolicy(rule('ask'), 'p.yaml').rules[0]?.patches.authority?.apply, 'ask');
  });

  it('refuses auto without anybody who must be for it', () => {
    refuses(
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    patches: { wording: { apply: auto } }\n`,
      '8:25',
      'the key when',
    );
    refuses('defaults: { patches: auto }\n', '1:22', 'one of ask, never', 'auto');
  });

  it('refuses rules that cover nothing or name nobody', () => {
    refuses(`${PEERS}rules:\n  - patches: {}\n`, '7:5', 'the key recipes');
    refuses(`${PEERS}rules:\n  - recipes: ["*/*"]\n`, '7:5', 'at least one of the keys');
    refuses(`${PEERS}rules:\n  - recipes: ["debian-12"]\n    versions: { apply: ask }\n`, '7:15', 'never a bare name');
    refuses(`${PEERS}rules:\n  - recipes: ["erin/*"]\n    versions: { apply: ask }\n`, '7:15', 'a peer in this file');
    refuses(
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    versions: { apply: ask, when: erin }\n`,
      '8:35',
      'name of a peer or group',
    );
    refuses(
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    versions: { apply: maybe }\n`,
      '8:24',
      'one of auto, ask, never',
    );
  });

  it('reads private groups, and refuses an id that can be guessed or is another’s, and members that are no peers', () => {
    const scope = '5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d';
    const one = (fields: string): string => `${PEERS}private:\n  us: ${fields}\n`;
    const policy = parsePolicy(one(`{ scope: "${scope}", members: [alice, bob] }`), 'p.yaml');
    assert.deepEqual(policy.private['us'], { scope, members: ['alice', 'bob'] });
    refuses(one('{ members: [alice] }'), '7:7', '{ scope, members }');
    for (const bad of ['public', 'abc', scope.toUpperCase()]) {
      refuses(one(`{ scope: "${bad}", members: [alice] }`), '7:16', '32 lower-case hex digits');
    }
    refuses(one(`{ scope: "${scope}", members: [erin] }`), '7:62', 'the name of a peer');
    refuses(one(`{ scope: "${scope}", members: [alice, alice] }`), '7:69', 'named already');
    const twins = `${one(`{ scope: "${scope}", members: [alice] }`)}  them: { scope: "${scope}", members: [bob] }\n`;
    refuses(twins, '8:18', 'us has this one');
    refuses(one(`{ scope: "${scope}", members: [alice], secret: 1 }`), '7:70', 'one of the keys scope, members');
  });

  it('refuses text that is not one plain YAML document', () => {
    refuses('peers: {}\npeers: {}\n', '2:1', 'unique');
    refuses('peers: {\n', '2:1', '');
    refuses('a: 1\n---\nb: 2\n', '2:1', '');
    refuses('peers: &p {}\ngroups: *p\n', '1:11', 'anchors and aliases');
    refuses('- 1\n', '1:1', 'found a list');
  });

  it('refuses what was made to hang a parser: too large, too deep, a bomb of aliases', () => {
    const largest = `#${'x'.repeat(MAX_POLICY_BYTES - 1)}`;
    assert.deepEqual(parsePolicy(largest, 'p.yaml').rules, []);
    refuses(`${largest}x`, '1:1', `at most ${MAX_POLICY_BYTES}`);
    refuses(`rules: ${'['.repeat(100_000)}`, '1:40', 'at most 32 brackets');
    refuses(`\nrules: ${'{a: '.repeat(50_000)}`, '2:136', 'at most 32 brackets');
    for (const mark of ['- ', '? ', ' ']) refuses(`${mark.repeat(100_000)}1\n`, '1:257', '256 columns');
    const bomb = Array.from({ length: 20 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1},*a${i - 1}`}]\n`);
    refuses(bomb.join(''), '1:9', 'anchors and aliases');
  });

  it('takes names that objects inherit for what they are: names', () => {
    refuses(`${PEERS}groups:\n  g: { k: 1, of: [constructor] }\n`, '7:6', 'constructor is neither');
    refuses(
      `${PEERS}rules:\n  - recipes: ["toString/*"]\n    versions: { apply: ask }\n`,
      '7:15',
      'a peer in this file',
    );
    const policy = parsePolicy(`peers:\n  constructor: { id: "${ALICE}" }\n`, 'p.yaml');
    assert.equal(policy.peers['constructor']?.id, ALICE);
  });
});
