import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { sha256 } from '../../../src/crypto/digest.ts';
import { generateSeed, publicKeyOf } from '../../../src/crypto/ed25519.ts';
import type { Operation, Step } from '../../../src/recipe/types.ts';
import {
  attestationDraft,
  authorIdOf,
  buildKeyOf,
  signersOf,
  endorsementDraft,
  failureDraft,
  judge,
  openingDraft,
  patchDraft,
  PATCH_MAX_OPERATIONS,
  PREDICATE,
  RECIPE_MAX_BYTES,
  recipeDraft,
  signRecord,
  understand,
  withdrawalDraft,
  type AttestationInput,
  type Draft,
  type Judged,
  type Meaning,
  type PatchInput,
} from '../../../src/exchange/record/index.ts';
import { at, draft, linkOf, newAuthor } from './author.ts';

const author = newAuthor();
const first = linkOf(author, 1, null);
const a = sha256('a');
const b = sha256('b');
const c = sha256('c');

const step: Step = {
  id: 'language',
  when: { text: { string: 'Choose', area: [0, 0, 80, 2], style: 'inverse' } },
  do: [{ type: 'x', clear: true }, { menu: 'English' }, { keys: ['tab', 'enter'] }],
  expect: {
    any: [{ text: 'Location' }, { not: { serial: { regex: 'x+' } } }],
    timeout: '30s',
    progress: { text: '%', stall: '3m' },
  },
  first_of: [{ when: { still: '1s' }, do: [{ key: 'enter' }] }],
  checkpoint: true,
};

const operations: Operation[] = [
  { op: 'replace-step', id: 'language', was: a, step },
  { op: 'insert-step', after: null, step },
  { op: 'insert-step', after: 'language', step },
  { op: 'remove-step', id: 'old', was: b },
  { op: 'move-step', id: 'old', was: b, after: null },
  { op: 'set', path: ['steps', 'language', 'expect', 'timeout'], was: null, value: '60s' },
  { op: 'set', path: ['summary'], was: c, value: null },
];

const patch: PatchInput = {
  recipeName: 'debian-12-tiny',
  base: a,
  result: b,
  operations,
  symptom: c,
  origin: 'human',
  summary: 'The installer now asks "Choose"',
  verifiedBy: null,
  supersedes: null,
};

const attestation: AttestationInput = {
  recipe: a,
  recipeName: 'debian-12-tiny',
  arch: 'x86_64',
  params: { hostname: 'portal', cpus: 1, fast: true },
  work: sha256('work'),
  lock: b,
  normaliser: c,
  manifestFormat: 'portalgun-manifest-1',
  cpuModel: 'qemu64',
  manifest: sha256('manifest'),
  files: { 'root.img': sha256('image') },
  dependencies: [
    {
      name: 'busybox-static',
      uri: 'pkg:deb/debian/busybox-static@1.35',
      digest: a,
      annotations: { fingerprint: 'AB' },
    },
  ],
  builderId: 'urn:portalgun:builder:v1',
  environment: { qemu: '7.2.19', accelerator: 'tcg', machine: 'pc-i440fx-7.2' },
  startedOn: '2026-11-23T06:00:00Z',
  finishedOn: '2026-11-23T06:05:00.123Z',
  byproducts: { transcript: b },
};

const KINDS: readonly [Draft, Meaning][] = [
  [
    recipeDraft({
      name: 'debian-12-tiny',
      version: '1.0.0',
      digest: a,
      yaml: 'recipe: 1\n# é\n',
      lockYaml: 'lock: 1\n',
    }),
    {
      kind: 'recipe',
      name: 'debian-12-tiny',
      version: '1.0.0',
      digest: a,
      yaml: 'recipe: 1\n# é\n',
      lockYaml: 'lock: 1\n',
    },
  ],
  [
    recipeDraft({ name: 'n', version: '1', digest: a, yaml: '' }),
    { kind: 'recipe', name: 'n', version: '1', digest: a, yaml: '' },
  ],
  [patchDraft(patch), { kind: 'patch', ...patch }],
  [
    attestationDraft(attestation),
    {
      kind: 'attestation',
      recipe: a,
      recipeName: 'debian-12-tiny',
      inputs: {
        recipe: a,
        lock: attestation.lock,
        normaliser: attestation.normaliser,
        manifestFormat: attestation.manifestFormat,
        cpuModel: 'qemu64',
      },
      buildKey: buildKeyOf(attestation),
      work: sha256('work'),
      manifest: attestation.manifest,
      builder: { ...attestation.environment, cpuModel: 'qemu64', id: 'urn:portalgun:builder:v1' },
      signers: signersOf(attestation.dependencies),
    },
  ],
  [
    failureDraft({ recipe: a, recipeName: 'n', failedSteps: ['language'], symptom: null }),
    { kind: 'failure', recipe: a, recipeName: 'n', failedSteps: ['language'], symptom: null },
  ],
  [
    endorsementDraft({ of: a, reviewed: 'human', attestation: b }),
    { kind: 'endorsement', of: a, reviewed: 'human', attestation: b },
  ],
  [
    endorsementDraft({ of: a, reviewed: 'build', attestation: null }),
    { kind: 'endorsement', of: a, reviewed: 'build', attestation: null },
  ],
  [withdrawalDraft({ of: a, reason: 'it deletes /etc' }), { kind: 'withdrawal', of: a, reason: 'it deletes /etc' }],
  [
    openingDraft({ author: author.id, recoveryPublicKey: author.recoveryPublicKey }),
    { kind: 'key', action: 'open', recoveryKey: authorIdOf(author.recoveryPublicKey) },
  ],
];

describe('what records mean', () => {
  for (const [made, meaning] of KINDS) {
    it(`a ${meaning.kind} says the same after it was signed and opened`, () => {
      const record = signRecord(author.seed, first, made);
      assert.deepEqual(judge(record), { understood: true, meaning });
    });
  }

  it('threat 15: a kind from the future is admitted, and not understood', () => {
    const record = signRecord(author.seed, first, draft('x', 'urn:portalgun:teleport:v9'));
    assert.deepEqual(judge(record), {
      understood: false,
      reason: 'this version does not know records of the type urn:portalgun:teleport:v9',
    });
  });

  it('threat 9: no kind is understood by the reader of another kind', () => {
    for (const [made, meaning] of KINDS) {
      for (const [kind, predicateType] of Object.entries(PREDICATE)) {
        if (kind === meaning.kind) continue;
        const judged = understand({ ...made, predicateType }, first);
        assert.equal(judged.understood, false, `a ${meaning.kind} passed for a ${kind}`);
      }
    }
  });

  it('any predicate is judged, never thrown at (fuzzed)', () => {
    const types = fc.constantFrom(...Object.values(PREDICATE));
    const predicate = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(types, predicate, (predicateType, value) => {
        const judged = understand({ ...draft('x'), predicateType, predicate: value }, first);
        assert.ok(judged.understood || judged.reason.length > 0);
      }),
      { numRuns: 500 },
    );
  });

  it('threat 27: a known predicate with any one value replaced is judged, never thrown at (fuzzed)', () => {
    const drafts = fc.constantFrom(...KINDS.map(([made]) => made));
    fc.assert(
      fc.property(drafts, fc.nat(), fc.jsonValue(), (made, which, value) => {
        const predicate = structuredClone(made.predicate);
        const places = placesIn(predicate);
        at(places, which % places.length)(value);
        const judged = understand({ ...made, predicate }, first);
        assert.ok(judged.understood || judged.reason.length > 0);
      }),
      { numRuns: 1000 },
    );
  });
});

/** A setter for every value within, at every depth. */
function placesIn(value: unknown): ((replacement: unknown) => void)[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    (replacement: unknown) => void Object.assign(value, { [key]: replacement }),
    ...placesIn(member),
  ]);
}

/** One field of a good draft changed; `undefined` leaves it out. */
function changed(made: Draft, change: (predicate: Record<string, unknown>) => void, subject = made.subject): Judged {
  const predicate = { ...structuredClone(made.predicate) };
  change(predicate);
  return understand({ ...made, subject, predicate }, first);
}

function assertNotUnderstood(judged: Judged, reason: RegExp): void {
  assert.ok(!judged.understood, 'it was understood');
  assert.match(judged.reason, reason);
}

describe('a recipe record', () => {
  const made = recipeDraft({ name: 'n', version: '1', digest: a, yaml: 'x' });
  const withField = (key: string, value: unknown) => changed(made, (predicate) => void (predicate[key] = value));

  for (const [what, key, value, reason] of [
    ['an empty name', 'name', '', /name is not a proper name/],
    ['threat 36: an escape in its name', 'name', '\u001b[2J', /name is not a proper name/],
    ['threat 36: a bidi override in its version', 'version', '\u202e1', /version is not a proper name/],
    ['threat 36: a bidi override in its text', 'yaml', '# \u202e', /control or bidi/],
    ['threat 36: an escape in its text', 'yaml', '\u001b[2J', /control or bidi/],
    ['carriage returns', 'yaml', 'a\r\nb', /single line feeds/],
    ['a lock that is no text', 'lockYaml', 1, /lockYaml is not a string/],
    ['too long a text', 'yaml', 'é'.repeat(RECIPE_MAX_BYTES / 2 + 1), /longer than 49152 bytes/],
  ] as const) {
    it(`is not understood with ${what}`, () => assertNotUnderstood(withField(key, value), reason));
  }

  it('may be as long as the limit', () => assert.ok(withField('yaml', 'é'.repeat(RECIPE_MAX_BYTES / 2)).understood));

  it('has exactly one subject', () => {
    const subject = [...made.subject, ...made.subject];
    assertNotUnderstood(
      changed(made, () => {}, subject),
      /exactly one subject/,
    );
  });

  it('ignores fields that it does not know', () => assert.ok(withField('later', 1).understood));
});

describe('threat 27: a patch record', () => {
  const made = patchDraft(patch);
  const withField = (key: string, value: unknown) => changed(made, (predicate) => void (predicate[key] = value));
  const withOperation = (operation: unknown) => withField('operations', [operation]);
  const withStep = (value: unknown) => withOperation({ op: 'insert-step', after: null, step: value });

  for (const [what, operation, reason] of [
    ['an operation that does not exist', { op: 'replace-media', id: 'x' }, /op is none of/],
    ['no operation at all', {}, /op is none of/],
    ['an operation that is a text', 'remove everything', /not an object/],
    ['an unknown field in an operation', { ...at(operations, 3), force: true }, /does not know: force/],
    ['an escape in an unknown field', { ...at(operations, 3), '\u001b[2J': true }, /does not know$/],
    ['an operation without the digest it was made against', { op: 'remove-step', id: 'x' }, /was is not a digest/],
    ['an insertion that does not say where', { op: 'insert-step', step }, /after is not a string/],
    ['a change without a value', { op: 'set', path: ['summary'], was: null }, /value is missing/],
    ['a change that does not say what was', { op: 'set', path: ['summary'], value: 1 }, /was is not a digest/],
    ['an empty path', { op: 'set', path: [], was: null, value: 1 }, /path is empty/],
    ['a path into prototypes', { op: 'set', path: ['__proto__', 'x'], was: null, value: 1 }, /proper names/],
    [
      'a path that is too long',
      { op: 'set', path: Array.from({ length: 17 }, () => 'a'), was: null, value: 1 },
      /more than 16/,
    ],
    ['an id with a bidi override', { op: 'remove-step', id: 'a\u202eb', was: a }, /proper name/],
  ] as [string, unknown, RegExp][]) {
    it(`is not understood with ${what}`, () => assertNotUnderstood(withOperation(operation), reason));
  }

  for (const [what, value, reason] of [
    ['no step', null, /step is not an object/],
    ['a step without id', { do: [] }, /id is not a string/],
    ['an unknown field in a step', { id: 'a', run_on_host: 'rm' }, /step has a field.*run_on_host/],
    ['a condition from the future', { id: 'a', when: { smell: 'x' } }, /step.when has a field.*smell/],
    [
      'a condition from the future, deep inside',
      { id: 'a', when: { any: [{ all: [{ not: { smell: 1 } }] }] } },
      /smell/,
    ],
    ['an act from the future', { id: 'a', do: [{ key: 'x' }, { teleport: 1 }] }, /do\[1\] has a field.*teleport/],
    [
      'an unknown field of an act in a branch',
      { id: 'a', first_of: [{ when: {}, do: [{ key: 'x', twice: true }] }] },
      /twice/,
    ],
    ['an unknown field of a text pattern', { id: 'a', when: { text: { string: 'x', colour: 'red' } } }, /colour/],
  ] as [string, unknown, RegExp][]) {
    it(`is not understood with ${what}`, () => assertNotUnderstood(withStep(value), reason));
  }

  for (const [what, key, value, reason] of [
    ['no operations', 'operations', [], /operations is empty/],
    ['operations that are no list', 'operations', {}, /operations is not a list/],
    ['an unknown origin', 'origin', 'machine', /origin is none of/],
    ['a summary of two lines', 'summary', 'a\nb', /one proper line/],
    ['a base that is no digest', 'base', 'x', /base is not a digest/],
    ['a symptom that is no digest', 'symptom', 'x', /symptom is not a digest/],
    ['another name than its subject', 'recipeName', 'other', /subject is not called/],
  ] as const) {
    it(`is not understood with ${what}`, () => assertNotUnderstood(withField(key, value), reason));
  }

  it('threat 16: has at most 64 operations', () => {
    const many = (count: number) => Array.from({ length: count }, () => at(operations, 3));
    assert.ok(withField('operations', many(PATCH_MAX_OPERATIONS)).understood);
    assertNotUnderstood(withField('operations', many(PATCH_MAX_OPERATIONS + 1)), /more than 64/);
  });

  it('keeps evidence without needing it', () => {
    const made = patchDraft({ ...patch, evidence: { before: a, after: b } });
    assert.deepEqual(made.predicate['evidence'], { before: a, after: b });
    assert.ok(understand(made, first).understood);
  });
});

describe('an attestation', () => {
  const made = attestationDraft(attestation);

  it('is SLSA provenance v1 in form', () => {
    assert.equal(made.predicateType, 'https://slsa.dev/provenance/v1');
    assert.deepEqual(Object.keys(made.predicate), ['buildDefinition', 'runDetails']);
    assert.deepEqual(made.predicate['runDetails'], {
      builder: { id: 'urn:portalgun:builder:v1' },
      metadata: { startedOn: attestation.startedOn, finishedOn: attestation.finishedOn },
      byproducts: [{ name: 'transcript', digest: { sha256: b.slice(7) } }],
    });
  });

  it('has a build key of recipe, lock, rules, format and processor, and of nothing else', () => {
    const key = buildKeyOf(attestation);
    for (const field of ['recipe', 'lock', 'normaliser', 'manifestFormat', 'cpuModel'] as const) {
      assert.notEqual(buildKeyOf({ ...attestation, [field]: sha256('other') }), key, field);
    }
    const elsewhere = understand(attestationDraft({ ...attestation, environment: { qemu: '9' }, manifest: a }), first);
    assert.ok(elsewhere.understood && elsewhere.meaning.kind === 'attestation' && elsewhere.meaning.buildKey === key);
  });

  it('has its build key computed by the reader: a claimed one is nothing', () => {
    const judged = understand({ ...made, predicate: { ...made.predicate, buildKey: a } }, first);
    assert.ok(judged.understood && judged.meaning.kind === 'attestation');
    assert.equal(judged.meaning.buildKey, buildKeyOf(attestation));
  });

  it('may be of a recipe that needs no lock', () => {
    const judged = understand(attestationDraft({ ...attestation, lock: null }), first);
    assert.ok(judged.understood);
  });

  const within = (part: string, field: string, value: unknown) =>
    changed(made, ({ buildDefinition }) => {
      const target: unknown =
        part === '' ? buildDefinition : new Map(Object.entries(Object(buildDefinition))).get(part);
      Object.assign(Object(target), { [field]: value });
    });

  for (const [what, part, field, value, reason] of [
    ['another build type', '', 'buildType', 'https://example.com/build', /buildType is none of/],
    ['an external parameter from the future', 'externalParameters', 'gpu', true, /does not know: gpu/],
    ['a parameter that is an object', 'externalParameters', 'params', { a: {} }, /no string, number or boolean/],
    ['a parameter of two lines', 'externalParameters', 'params', { a: 'x\ny' }, /one proper line/],
    ['an environment that is no text', 'internalParameters', 'environment', { qemu: 7 }, /qemu is not a string/],
    ['an escape in a key of the environment', 'internalParameters', 'environment', { '\u001b[2J': 'x' }, /proper name/],
    ['a digest of its work that is none', 'internalParameters', 'work', 'sha256:1', /work is not a digest/],
    ['no normaliser', 'internalParameters', 'normaliser', null, /normaliser is not a digest/],
  ] as const) {
    it(`is not understood with ${what}`, () => assertNotUnderstood(within(part, field, value), reason));
  }

  it('is not understood with a time that is none', () => {
    const judged = changed(made, (predicate) => {
      predicate['runDetails'] = { builder: { id: 'x' }, metadata: { startedOn: 'yesterday' } };
    });
    assertNotUnderstood(judged, /startedOn is not a time/);
  });

  it('names exactly one manifest', () => {
    const manifest = at(made.subject, 0);
    assertNotUnderstood(
      changed(made, () => {}, made.subject.slice(1)),
      /exactly one subject that is a manifest/,
    );
    assertNotUnderstood(
      changed(made, () => {}, [manifest, manifest]),
      /exactly one subject that is a manifest/,
    );
  });
});

describe('failures, endorsements, withdrawals', () => {
  const failure = failureDraft({ recipe: a, recipeName: 'n', failedSteps: ['x'], symptom: c });

  it('a failure is in-toto test-result in form, with the failed steps as failed tests', () => {
    assert.equal(failure.predicate['result'], 'FAILED');
    assert.deepEqual(failure.predicate['failedTests'], ['x']);
    assert.deepEqual(failure.predicate['configuration'], failure.subject);
  });

  it('a passed test result is no failure', () => {
    assertNotUnderstood(
      changed(failure, (predicate) => void (predicate['result'] = 'PASSED')),
      /result is none of FAILED/,
    );
  });

  it('a failure names at least one step, and at most 64', () => {
    const steps = (count: number) => Array.from({ length: count }, (_, index) => `step-${index}`);
    assert.throws(() => failureDraft({ recipe: a, recipeName: 'n', failedSteps: [], symptom: null }), {
      code: 'record/bad-draft',
    });
    failureDraft({ recipe: a, recipeName: 'n', failedSteps: steps(64), symptom: null });
    assert.throws(() => failureDraft({ recipe: a, recipeName: 'n', failedSteps: steps(65), symptom: null }), {
      code: 'record/bad-draft',
      message: /more than 64/,
    });
  });

  it('threat 12: an endorsement is by a person or by a build, and says which', () => {
    const made = endorsementDraft({ of: a, reviewed: 'build', attestation: null });
    assertNotUnderstood(
      changed(made, (predicate) => void (predicate['reviewed'] = 'yes')),
      /reviewed is none of human, build/,
    );
    assertNotUnderstood(
      changed(made, (predicate) => void delete predicate['reviewed']),
      /reviewed is none of/,
    );
  });

  it('a withdrawal has a reason of one line', () => {
    assert.throws(() => withdrawalDraft({ of: a, reason: 'a\nb' }), {
      code: 'record/bad-draft',
      message: /one proper line/,
    });
    assert.throws(() => withdrawalDraft({ of: a, reason: 'a'.repeat(1001) }), { code: 'record/bad-draft' });
  });
});

describe('the opening of a feed', () => {
  const made = openingDraft({ author: author.id, recoveryPublicKey: author.recoveryPublicKey });

  it('threat 17: is understood only as the first record', () => {
    const second = linkOf(author, 2, sha256('first'));
    assertNotUnderstood(understand(made, second), /first record/);
  });

  it("is only about the feed's own author", () => {
    assertNotUnderstood(understand(made, linkOf(newAuthor(), 1, null)), /not the author/);
  });

  it('does not commit to a weak key, to the signing key, or to no key', () => {
    const weak = Uint8Array.from(Buffer.from(`01${'00'.repeat(31)}`, 'hex'));
    const message = /small order/;
    assert.throws(() => openingDraft({ author: author.id, recoveryPublicKey: weak }), {
      code: 'record/bad-draft',
      message,
    });
    assert.throws(() => openingDraft({ author: author.id, recoveryPublicKey: publicKeyOf(author.seed) }), {
      code: 'record/bad-draft',
      message: /signing key itself/,
    });
    assert.throws(() => openingDraft({ author: author.id, recoveryPublicKey: new Uint8Array(3) }), {
      code: 'record/bad-author',
    });
    assertNotUnderstood(
      changed(made, (predicate) => void (predicate['recoveryKey'] = 'x')),
      /not a public key/,
    );
  });

  it('is not understood with an action or a field from the future', () => {
    assertNotUnderstood(
      changed(made, (predicate) => void (predicate['action'] = 'lend')),
      /action is none of open/,
    );
    assertNotUnderstood(
      changed(made, (predicate) => void (predicate['alsoAllows'] = 'x')),
      /does not know/,
    );
  });

  it('takes any honest recovery key', () => {
    const judged = understand(
      openingDraft({ author: author.id, recoveryPublicKey: publicKeyOf(generateSeed()) }),
      first,
    );
    assert.ok(judged.understood);
  });
});
