/** Every complaint about a policy file names line and column, and says what is expected there and what to do next. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../../../src/errors.ts';
import { parsePolicy } from '../../../src/exchange/trust/index.ts';
import { MAX_POLICY_BYTES, MAX_POLICY_ENTRIES } from '../../../src/exchange/trust/limits.ts';
import { ALICE, PEERS } from './people.ts';

const rule = (text: string): string => `${PEERS}rules:\n  - { recipes: ["*/*"], ${text} }\n`;
const SCOPE = 'ab'.repeat(16);
const PIN = `"0.${ALICE.slice('ed25519:'.length)}"`;
const group = (text: string): string => `${PEERS}private: { g: { ${text} } }\n`;
const many = (count: number): string => Array.from({ length: count }, (_, n) => n).join(', ');

/** The text, where in it, and what is expected there. */
const COMPLAINTS: readonly (readonly [text: string, at: string, expected: RegExp])[] = [
  [`#${'x'.repeat(MAX_POLICY_BYTES)}`, '1:1', /expected at most \d+/],
  [`rules: ${'['.repeat(40)}`, '1:40', /expected at most 32 brackets/],
  ['peers: {\n', '2:1', /./],
  ['peers: !shape {}\n', '1:8', /./],
  ['peers: &p {}\n', '1:11', /expected the value written out/],
  ['- 1\n', '1:1', /expected the keys peers, groups, private, rules, defaults/],
  ['1: {}\n', '1:1', /expected a name as key/],
  ['peerz: {}\n', '1:1', /expected one of the keys peers/],
  [`rules: { ${many(MAX_POLICY_ENTRIES + 1).replaceAll(/(\d+)/g, 'k$1: 1')} }\n`, '1:8', /a list of rules/],
  [`groups: { ${many(MAX_POLICY_ENTRIES + 1).replaceAll(/(\d+)/g, 'k$1: 1')} }\n`, '1:9', /at most 1024 entries/],
  [`rules: [${many(MAX_POLICY_ENTRIES + 1)}]\n`, '1:8', /at most 1024 entries/],
  ['peers: []\n', '1:8', /a mapping of names to peers/],
  [`peers: { "a b": { id: "${ALICE}" } }\n`, '1:10', /a name of at most 64 letters/],
  [`peers: { me: { id: "${ALICE}" } }\n`, '1:10', /another name/],
  ['peers: { alice: {} }\n', '1:17', /an id for this peer/],
  ['peers: { alice: { id: 7 } }\n', '1:23', /an author id/],
  ['peers: { alice: { id: "ed25519:12" } }\n', '1:23', /64 lower-case hex digits/],
  [`peers: { weak: { id: "ed25519:01${'00'.repeat(31)}" } }\n`, '1:22', /the id of a sound public key/],
  [`${PEERS}  twin: { id: "${ALICE}" }\n`, '6:15', /an id of its own/],
  [`peers: { alice: { id: "${ALICE}", follow: maybe } }\n`, '1:107', /true or false/],
  [`peers: { alice: { id: "${ALICE}", addresses: ["10.0.0.1"] } }\n`, '1:111', /an address, for example/],
  [`peers: { alice: { id: "${ALICE}", addresses: [${'/ip4/1/tcp/1,'.repeat(17)}] } }\n`, '1:110', /at most 16/],
  [`peers: { alice: { id: "${ALICE}", recovery: 7 } }\n`, '1:109', /a list of recovery keys as an invitation/],
  [`peers: { alice: { id: "${ALICE}", recovery: [ "0.12" ] } }\n`, '1:111', /for example "0\.8a88…"/],
  [`peers: { alice: { id: "${ALICE}", recovery: [${PIN}, ${PIN}] } }\n`, '1:180', /one key for recovery 0/],
  [`${PEERS}groups: { alice: { k: 1, of: [bob] } }\n`, '6:11', /a name that no peer has/],
  [`${PEERS}groups: { g: { of: [alice] } }\n`, '6:14', /how many, of whom/],
  [`${PEERS}groups: { g: { k: 2, of: [alice, alice] } }\n`, '6:34', /each member once/],
  [`${PEERS}groups: { g: { k: 1, of: [] } }\n`, '6:26', /at least one peer or group/],
  [`${PEERS}groups: { g: { k: 1.5, of: [alice] } }\n`, '6:19', /a whole number, 1 or more/],
  [`${PEERS}groups: { g: { k: [], of: [alice] } }\n`, '6:19', /a whole number, 1 or more/],
  [`${PEERS}groups: { g: { k: 2, of: [alice] } }\n`, '6:19', /a number from 1 to 1/],
  [`${PEERS}groups: { g: { k: 1, of: [erin] } }\n`, '6:14', /members that are peers or groups/],
  [`${PEERS}groups: { a: { k: 1, of: [b] }, b: { k: 1, of: [a] } }\n`, '6:14', /no circle/],
  [
    `${PEERS}groups:\n${Array.from({ length: 10 }, (_, i) => `  g${i}: { k: 1, of: [${i === 9 ? 'alice' : `g${i + 1}`}] }\n`).join('')}`,
    '7:7',
    /nested at most 8/,
  ],
  [`${PEERS}groups: { g: { k: 2, of: [alice, h] }, h: { k: 1, of: [alice] } }\n`, '6:14', /each author once/],
  [group('scope: "1"'), '6:15', /\{ scope, members \}/],
  [group('scope: "1", members: []'), '6:24', /32 lower-case hex digits/],
  [
    `${PEERS}private: { g: { scope: "${SCOPE}", members: [] }, h: { scope: "${SCOPE}", members: [] } }\n`,
    '6:87',
    /an id of its own/,
  ],
  [group(`scope: "${SCOPE}", members: [erin]`), '6:70', /the name of a peer in this file/],
  [group(`scope: "${SCOPE}", members: [bob, bob]`), '6:75', /each member once/],
  [`${PEERS}rules:\n  - { recipes: [7], versions: { apply: ask } }\n`, '7:17', /author\/name, for example/],
  ['rules: 7\n', '1:8', /a list of rules/],
  [`${PEERS}rules:\n  - { versions: { apply: ask } }\n`, '7:5', /the key recipes/],
  [`${PEERS}rules:\n  - { recipes: [], versions: { apply: ask } }\n`, '7:16', /at least one author\/name/],
  [`${PEERS}rules:\n  - { recipes: ["debian"], versions: { apply: ask } }\n`, '7:17', /never a bare name/],
  [`${PEERS}rules:\n  - { recipes: ["erin/*"], versions: { apply: ask } }\n`, '7:17', /an author who is a peer/],
  [`${PEERS}rules:\n  - { recipes: ["*/*"] }\n`, '7:5', /at least one of the keys patches/],
  [rule('patches: { authority: { apply: auto, when: alice } }'), '7:47', /ask or never/],
  [rule('patches: { wording: {} }'), '7:45', /the key apply/],
  [rule('patches: { wording: { apply: maybe } }'), '7:54', /one of auto, ask, never/],
  [rule('patches: { wording: { apply: auto } }'), '7:45', /the key when/],
  [rule('patches: { wording: { apply: auto, when: erin } }'), '7:66', /the name of a peer or group/],
  [rule('checksums: {}'), '7:36', /the key confirm/],
];

describe('what is wrong with a policy file', () => {
  /** `file:line` of every place in the sources that the complaints came from. */
  const reached = new Set<string>();

  for (const [text, at, expected] of COMPLAINTS) {
    const name = text.length > 72 ? text.slice(-72) : text;
    it(`is told with line and column: ${JSON.stringify(name)}`, () => {
      assert.throws(
        () => parsePolicy(text, 'p.yaml'),
        (error: unknown) => {
          assert.ok(error instanceof UsageError && error.code === 'policy/invalid', String(error));
          assert.ok(error.message.startsWith(`p.yaml:${at}: `), error.message);
          assert.match(error.message, expected);
          assert.match(error.hint ?? '', /run `portalgun policy check`/);
          assert.deepEqual(`${String(error.facts['line'])}:${String(error.facts['column'])}`, at);
          for (const [, place] of (error.stack ?? '').matchAll(/trust\/(policy[\w-]*\.ts:\d+):\d+/g)) {
            if (place !== undefined) reached.add(place);
          }
          return true;
        },
      );
    });
  }

  it('has a line in the table above for every complaint that there is', async () => {
    const missing: string[] = [];
    for (const file of ['policy.ts', 'policy-names.ts', 'policy-yaml.ts']) {
      const lines = (await readFile(path.join(import.meta.dirname, '../../../src/exchange/trust', file), 'utf8')).split(
        '\n',
      );
      for (const [index, line] of lines.entries()) {
        const complains = /\b(?:reader\.)?fail(?:At)?\(/.test(line) && !/=>|fail\(at: At|failAt = /.test(line);
        if (complains && !reached.has(`${file}:${index + 1}`)) missing.push(`${file}:${index + 1}: ${line.trim()}`);
      }
    }
    assert.deepEqual(missing, []);
  });
});
