/**
 * What strangers' bytes reach, and what must hold of each of them: it answers, or refuses with an error of ours that
 * says why. Anything else is a crash. What is accepted must read the same again.
 */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { createKeyCache } from '../../src/crypto/key-cache.ts';
import { AnswerSchema as BlobAnswer, AskSchema as BlobAsk } from '../../src/exchange/p2p/generated/blob_pb.ts';
import { AnswerSchema as SymptomAnswer, AskSchema as SymptomAsk } from '../../src/exchange/p2p/generated/symptom_pb.ts';
import { decode } from '../../src/exchange/p2p/codec.ts';
import { decodeAnswer, decodeAsk, encodeAnswer, encodeAsk } from '../../src/exchange/p2p/sync/messages.ts';
import {
  authorIdOf,
  dsseFromJson,
  openEnvelope,
  patchDraft,
  readHead,
  recordToJson,
  signHead,
  signRecord,
  verifyForkProof,
} from '../../src/exchange/record/index.ts';
import { understand } from '../../src/exchange/record/meaning.ts';
import { isRefusal, type Refusal } from '../../src/exchange/record/refusal.ts';
import { parseStatement } from '../../src/exchange/record/statement.ts';
import { defaultPolicyText, parsePolicy } from '../../src/exchange/trust/index.ts';
import { parseInvitation } from '../../src/node/invitation.ts';
import { applyOperations, parseRecipe } from '../../src/recipe/index.ts';
import type { Operation } from '../../src/recipe/types.ts';
import { sample, SOURCE } from '../recipe/fixtures.ts';
import { MEDIA_TARGETS } from './media-targets.ts';
import { PACKER_TARGETS } from './packer-targets.ts';
import { asJson, JSON_WORDS, orRefusal, text, type Target } from './target.ts';

const NETWORK = 'fuzz';
const SEED = new Uint8Array(32).fill(7);
const AUTHOR = authorIdOf(publicKeyOf(SEED));
const OPTIONS = { network: NETWORK, keys: createKeyCache(16) };
const LINK = { network: NETWORK, author: AUTHOR, scope: 'public', recovery: 0, epoch: 0, seq: 1, prev: null };

const RECORD = signRecord(SEED, LINK, aPatch('one'));
const OTHER = signRecord(SEED, LINK, aPatch('other'));
const HEAD = signHead(
  SEED,
  NETWORK,
  { author: AUTHOR, scope: 'public', recovery: 0, epoch: 0, seq: 1, id: RECORD.id },
  { now: new Date('2026-11-27T00:00:00Z') },
);
const OPERATIONS: readonly Operation[] = [
  { op: 'set', path: ['steps', 'language', 'expect', 'text'], was: 'Select your location', value: 'Where are you' },
  { op: 'set', path: ['summary'], was: 'What tests are made of', value: 'x' },
] as unknown as readonly Operation[];

function aPatch(name: string) {
  return patchDraft({
    recipeName: 'debian-12-tiny',
    base: sha256('base'),
    result: sha256(name),
    operations: [{ op: 'remove-step', id: 'language', was: sha256('step') }],
    symptom: null,
    origin: 'human',
    summary: name,
    verifiedBy: null,
    supersedes: null,
  });
}

export const TARGETS: readonly Target[] = [
  {
    name: 'envelope',
    group: 'decoders',
    seeds: [RECORD.envelope, HEAD.envelope],
    words: ['application/vnd.in-toto+json', AUTHOR],
    run(bytes) {
      const record = openEnvelope(bytes, OPTIONS);
      if (isRefusal(record)) return refused(record);
      assert.ok(Buffer.from(record.envelope).equals(bytes), 'another encoding was accepted');
      assert.equal(sha256(Buffer.from(record.id)), sha256(Buffer.from(RECORD.id)), 'a signature was forged');
      return 'a record';
    },
  },
  {
    name: 'envelope-json',
    group: 'decoders',
    seeds: [text(recordToJson(RECORD))],
    words: [...JSON_WORDS, 'payloadType', 'signatures', 'keyid'],
    run(bytes) {
      const envelope = dsseFromJson(bytes);
      if (!(envelope instanceof Uint8Array)) return refused(envelope);
      const record = openEnvelope(envelope, OPTIONS);
      return isRefusal(record) ? refused(record) : 'a record';
    },
  },
  {
    name: 'statement',
    group: 'decoders',
    seeds: [text(JSON.stringify(RECORD.statement))],
    words: [...JSON_WORDS, 'portalgun_feed', 'predicate', 'sha256', 'urn:portalgun:recipe:v1', 'urn:portalgun:key:v1'],
    run(bytes) {
      const statement = parseStatement(bytes);
      if (isRefusal(statement)) return refused(statement);
      const judged = understand(statement, statement.portalgun_feed);
      return judged.understood ? `a ${judged.meaning.kind}` : `not understood: ${judged.reason}`;
    },
  },
  {
    name: 'head',
    group: 'decoders',
    seeds: [HEAD.envelope, RECORD.envelope],
    words: ['issuedAt', 'expiresAt', '2026-02-31T00:00:00Z'],
    run(bytes) {
      const head = readHead(bytes, OPTIONS);
      return isRefusal(head) ? refused(head) : 'a head';
    },
  },
  {
    name: 'fork-proof',
    group: 'decoders',
    seeds: [Buffer.concat([length(RECORD.envelope), RECORD.envelope, OTHER.envelope])],
    words: [],
    run(bytes) {
      const first = new DataView(bytes.buffer, bytes.byteOffset).byteLength < 2 ? 0 : bytes[0]! * 256 + bytes[1]!;
      const fork = verifyForkProof(bytes.subarray(2, 2 + first), bytes.subarray(2 + first), OPTIONS);
      return isRefusal(fork) ? refused(fork) : 'a fork';
    },
  },
  {
    name: 'wire',
    group: 'decoders',
    seeds: [
      encodeAsk({
        network: NETWORK,
        since: new Uint8Array(12),
        dropped: [AUTHOR],
        marks: [
          {
            ...LINK,
            seq: 3,
            id: RECORD.id,
            signed: { recovery: 0, epoch: 0, seq: 3, issuedAt: 1_795_000_000 },
            frozen: true,
            rivals: 0,
          },
          { ...LINK, seq: 0, id: null, signed: null, frozen: false, rivals: 0 },
        ],
      }),
      encodeAnswer({
        case: 'records',
        value: { $typeName: 'portalgun.sync.v1.Records', envelopes: [RECORD.envelope] },
      }),
      encodeAnswer({
        case: 'end',
        value: { $typeName: 'portalgun.sync.v1.End', more: true, token: new Uint8Array(12) },
      }),
    ],
    words: [],
    async run(bytes) {
      const reads = [
        () => decodeAsk(bytes),
        () => decodeAnswer(bytes),
        () => decode(BlobAsk, bytes),
        () => decode(BlobAnswer, bytes),
        () => decode(SymptomAsk, bytes),
        () => decode(SymptomAnswer, bytes),
      ];
      return (await Promise.all(reads.map((read) => orRefusal(() => void read())))).join('; ');
    },
  },
  {
    name: 'invitation',
    group: 'decoders',
    seeds: [text(`portalgun:${AUTHOR.slice(8)}?network=fuzz&address=%2Fip4%2F127.0.0.1%2Ftcp%2F4001`), text(AUTHOR)],
    words: ['portalgun:', '?', '&', 'network=', 'address=', 'recovery=', '0.', '%', '%00'],
    run: (bytes) => orRefusal(() => void parseInvitation(Buffer.from(bytes).toString())),
  },
  {
    name: 'policy',
    group: 'policy',
    seeds: [
      text(defaultPolicyText()),
      text(`peers:
  alice: { id: "${AUTHOR}", addresses: ["/dns4/a.example/tcp/4001"] }
groups:
  core: { k: 1, of: [alice] }
rules:
  - recipes: ["alice/debian-12-*"]
    patches:
      wording: { apply: auto, when: alice }
      choices: { apply: auto, when: core }
      sends: { apply: ask }
    versions: { apply: ask, when: core }
    checksums: { confirm: { k: 1, of: [alice] } }
defaults: { patches: ask, versions: ask }
`),
    ],
    words: [
      '&a ',
      '*a',
      '<<: ',
      '!!js/x ',
      '- ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '|',
      '>',
      '---\n',
      '? ',
      '%YAML',
      'auto',
      'authority',
      'k: 0',
      'me',
      '\t',
      '__proto__: ',
    ],
    run(bytes) {
      const source = Buffer.from(bytes).toString();
      return orRefusal(() => {
        const policy = parsePolicy(source, 'policy.yaml');
        for (const { patches } of policy.rules) assert.notEqual(patches.authority?.apply, 'auto');
        assert.deepEqual(parsePolicy(source, 'policy.yaml'), policy);
      });
    },
  },
  {
    name: 'recipe',
    group: 'patches',
    seeds: [text(SOURCE)],
    words: [
      '&a ',
      '*a',
      '<<: ',
      '- ',
      ': ',
      '{{',
      '}}',
      '{',
      '}',
      '|',
      '>',
      'regex: "(a+)+"',
      '__proto__: ',
      'expect',
      'gone',
      '999999h',
    ],
    run(bytes) {
      return orRefusal(() => {
        const recipe = parseRecipe(Buffer.from(bytes).toString());
        assert.equal(parseRecipe(recipe.source).digest, recipe.digest);
      });
    },
  },
  {
    name: 'operations',
    group: 'patches',
    seeds: [
      text(JSON.stringify(OPERATIONS)),
      text(JSON.stringify([{ op: 'remove-step', id: 'language', was: sha256('x') }])),
    ],
    words: [
      ...JSON_WORDS,
      'op',
      'set',
      'insert-step',
      'remove-step',
      'replace-step',
      'path',
      'steps',
      'machine',
      'was',
      'value',
      'after',
    ],
    run(bytes) {
      const operations = asJson(bytes);
      if (operations === undefined) return 'no JSON';
      return orRefusal(() => {
        const base = sample();
        const before = base.digest;
        const result = applyOperations(base, operations as readonly Operation[]);
        assert.equal(base.digest, before, 'the base was changed');
        assert.equal(parseRecipe(result.source).digest, result.digest, 'what comes out does not read the same');
      });
    },
  },
  ...MEDIA_TARGETS,
  ...PACKER_TARGETS,
];

function refused({ refused: reason, detail }: Refusal): string {
  return `${reason}: ${detail}`;
}

function length(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([bytes.length >> 8, bytes.length & 255]);
}
