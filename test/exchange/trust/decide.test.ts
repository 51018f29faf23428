import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { decide, keptPolicy, parsePolicy } from '../../../src/exchange/trust/index.ts';
import type { AuthorId } from '../../../src/exchange/record/types.ts';
import type { Apply, Policy, Question, Voice } from '../../../src/exchange/trust/index.ts';
import { ALICE, BOB, CAROL, DAVE, PATCH, PEERS, question, SELF, STRANGER, voice } from './people.ts';

const RULES = `${PEERS}groups:
  core: { k: 2, of: [alice, bob, carol] }
  wide: { k: 2, of: [core, dave] }
rules:
  - recipes: ["alice/debian-12-*"]
    patches:
      wording: { apply: auto, when: alice }
      choices: { apply: auto, when: core }
      sends: { apply: ask }
    versions: { apply: ask, when: core }
  - recipes: ["alice/fedora"]
    patches: { wording: { apply: auto, when: wide }, sends: { apply: never } }
`;
const POLICY = parsePolicy(RULES, 'p.yaml');

const ALICE_VOICE = voice(ALICE, { basis: 'author', record: PATCH });

function applies(changes: Partial<Question>, policy: Policy = POLICY): Apply {
  return decide(policy, question(changes)).apply;
}

describe('decide', () => {
  it('makes nothing automatic out of the box', () => {
    const bare = parsePolicy(PEERS, 'p.yaml');
    for (const changeClass of ['wording', 'choices', 'sends', 'authority'] as const) {
      const decision = decide(
        bare,
        question({ changeClass, voices: [ALICE, BOB, CAROL, DAVE].map((one) => voice(one)) }),
      );
      assert.equal(decision.apply, 'ask');
      assert.equal(decision.rule, null);
    }
  });

  it('applies automatically what a rule allows and the named peer is for', () => {
    const decision = decide(POLICY, question());
    assert.equal(decision.apply, 'auto');
    assert.equal(decision.rule, 1);
    assert.deepEqual(decision.missing, []);
    assert.deepEqual(decision.because, [
      `patch ${PATCH} by alice for alice/debian-12-tiny, class wording`,
      `alice is for it (author, ${PATCH}): counts for`,
      'rule 1 (line 10) says auto when alice: auto',
      'so: auto',
    ]);
  });

  it('counts k of the configured set, and names whose voice is awaited', () => {
    const one = decide(POLICY, question({ changeClass: 'choices' }));
    assert.equal(one.apply, 'ask');
    assert.deepEqual(one.missing, ['bob', 'carol']);
    assert.equal(applies({ changeClass: 'choices', voices: [ALICE_VOICE, voice(CAROL)] }), 'auto');
    assert.equal(applies({ changeClass: 'choices', voices: [ALICE_VOICE, voice(DAVE)] }), 'ask');
  });

  it('counts a nested group as one member that is satisfied or not', () => {
    const about = { recipeName: 'fedora' };
    assert.equal(applies({ ...about, voices: [voice(ALICE), voice(BOB), voice(CAROL)] }), 'ask');
    assert.equal(applies({ ...about, voices: [voice(ALICE), voice(DAVE)] }), 'ask');
    assert.equal(applies({ ...about, voices: [voice(ALICE), voice(BOB), voice(DAVE)] }), 'auto');
  });

  it('threat 12: counts an author once, however many records say the same', () => {
    const voices = [ALICE_VOICE, voice(ALICE), voice(ALICE, { record: `sha256:${'1'.repeat(64)}` })];
    assert.equal(applies({ changeClass: 'choices', voices }), 'ask');
  });

  it('does not count endorsements that a node made by itself', () => {
    const voices = [ALICE_VOICE, voice(BOB, { basis: 'reviewed-build' }), voice(CAROL, { basis: 'reviewed-build' })];
    const decision = decide(POLICY, question({ changeClass: 'choices', voices }));
    assert.equal(decision.apply, 'ask');
    assert.ok(decision.because.some((line) => line.startsWith('bob') && line.includes('nobody looked at it')));
  });

  it('does not count a stale voice for it, and still counts a stale voice against it', () => {
    assert.equal(applies({ voices: [{ ...ALICE_VOICE, stale: true }] }), 'ask');
    const against = voice(BOB, { stance: 'against', basis: 'failure', stale: true });
    assert.equal(applies({ voices: [ALICE_VOICE, against] }), 'ask');
  });

  it('asks when one configured voice is against, whoever else is for it', () => {
    for (const basis of ['failure', 'withdrawal', 'contradicting-patch'] as const) {
      const decision = decide(POLICY, question({ voices: [ALICE_VOICE, voice(DAVE, { stance: 'against', basis })] }));
      assert.equal(decision.apply, 'ask');
      assert.ok(decision.because.includes('dave against: nothing happens automatically'));
    }
  });

  it('lets strangers neither help nor hinder', () => {
    const stranger = voice(STRANGER, { stance: 'against', basis: 'failure' });
    assert.equal(applies({ voices: [ALICE_VOICE, stranger] }), 'auto');
    assert.equal(applies({ changeClass: 'choices', voices: [ALICE_VOICE, voice(STRANGER)] }), 'ask');
  });

  it('never uses what a stranger signed, and does not even ask', () => {
    const everything = parsePolicy(
      `${PEERS}rules:\n  - recipes: ["*/*"]\n    patches: { wording: { apply: ask } }\n`,
      'p.yaml',
    );
    const voices = [ALICE, BOB, CAROL].map((one) => voice(one));
    const decision = decide(everything, question({ recordAuthor: STRANGER, voices }));
    assert.equal(decision.apply, 'never');
    assert.ok(decision.because.at(-1)?.includes('what strangers sign is never used'));
  });

  it('never makes authority automatic, even with a policy that no parser made', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a policy as a bug elsewhere might build it
    const forged = {
      ...POLICY,
      rules: [{ recipes: ['*/*'], patches: { authority: { apply: 'auto', when: 'alice' } }, line: 1 }],
      defaults: { patches: 'ask', versions: 'ask' },
    } as unknown as Policy;
    const decision = decide(forged, question({ changeClass: 'authority' }));
    assert.equal(decision.apply, 'ask');
    assert.ok(decision.because.some((line) => line.includes('never automatic')));
  });

  it('makes nothing automatic while the policy file does not read, and says where it does not', () => {
    const broken = keptPolicy(POLICY, 'p.yaml:3:9: rules[0]: expected a rule, found "x"');
    const decision = decide(broken, question());
    assert.equal(decision.apply, 'ask');
    assert.ok(decision.because.some((line) => line.includes('p.yaml:3:9')));
    assert.equal(decide(broken, question({ recordAuthor: STRANGER })).apply, 'never');
    assert.equal(decide(POLICY, question()).apply, 'auto');
  });

  it('counts groups within groups within groups, each as one member, and one voice against stops them all', () => {
    const deep = parsePolicy(
      `${PEERS}groups:
  pair: { k: 1, of: [alice, bob] }
  both: { k: 2, of: [pair, carol] }
rules:
  - recipes: ["*/*"]
    patches: { wording: { apply: auto, when: { k: 2, of: [both, dave] } } }
`,
      'p.yaml',
    );
    const said = (...authors: AuthorId[]): Apply => applies({ voices: authors.map((one) => voice(one)) }, deep);
    assert.equal(said(ALICE, CAROL, DAVE), 'auto');
    assert.equal(said(BOB, CAROL, DAVE), 'auto');
    for (const short of [
      [ALICE, BOB, DAVE],
      [ALICE, BOB, CAROL],
      [CAROL, DAVE],
    ])
      assert.equal(said(...short), 'ask');
    const voices = [ALICE, CAROL, DAVE].map((one) => voice(one));
    const against = voice(BOB, { stance: 'against', basis: 'failure' });
    assert.equal(applies({ voices: [...voices, against] }, deep), 'ask');
    assert.equal(applies({ voices: voices.map((one) => ({ ...one, stale: one.author === CAROL })) }, deep), 'ask');
  });

  it('lets the most restrictive of the overlapping rules win', () => {
    const more = (rule: string) => parsePolicy(`${RULES}  - recipes: ["*/debian-*"]\n    patches: ${rule}\n`, 'p.yaml');
    assert.equal(applies({}, more('{ wording: { apply: auto, when: alice } }')), 'auto');
    assert.equal(applies({}, more('{ wording: { apply: ask } }')), 'ask');
    assert.equal(applies({}, more('{ wording: { apply: never } }')), 'never');
    assert.equal(applies({}, more('{ wording: { apply: auto, when: dave } }')), 'ask');
    assert.equal(applies({}, more('{ sends: { apply: never } }')), 'auto');
    assert.equal(decide(more('{ wording: { apply: never } }'), question()).rule, 3);
  });

  it('tells recipes of one name by different authors apart', () => {
    assert.equal(applies({ recipeAuthor: BOB }), 'ask');
    assert.equal(applies({ recipeAuthor: STRANGER }), 'ask');
    const byId = parsePolicy(
      `${PEERS}rules:\n  - recipes: ["${BOB}/*"]\n    patches: { wording: { apply: auto, when: alice } }\n`,
      'p.yaml',
    );
    assert.equal(applies({ recipeAuthor: BOB }, byId), 'auto');
    assert.equal(applies({ recipeAuthor: ALICE }, byId), 'ask');
  });

  it('knows the owner of the node as me, and asks about their own records like about others', () => {
    assert.equal(applies({ recordAuthor: SELF, voices: [voice(SELF, { basis: 'author' })] }), 'ask');
    const mine = parsePolicy(
      `${PEERS}rules:\n  - recipes: ["me/*"]\n    patches: { wording: { apply: auto, when: alice } }\n`,
      'p.yaml',
    );
    assert.equal(applies({ recipeAuthor: SELF }, mine), 'auto');
    assert.equal(applies({ recipeAuthor: ALICE }, mine), 'ask');
  });

  it('lets a new version wait until those who must be for it are', () => {
    const about = { about: 'version', changeClass: 'authority' } as const;
    const waiting = decide(POLICY, question(about));
    assert.equal(waiting.apply, 'never');
    assert.deepEqual(waiting.missing, ['bob', 'carol']);
    assert.equal(applies({ ...about, voices: [ALICE_VOICE, voice(BOB)] }), 'ask');
    assert.equal(applies({ ...about, recipeName: 'other' }), 'ask');
  });
});

describe('decide, whatever the voices', () => {
  const ORDER: readonly Apply[] = ['never', 'ask', 'auto'];
  const rank = (apply: Apply): number => ORDER.indexOf(apply);
  /** Mostly the first, or hardly anything would ever be automatic. */
  const often = <T>(usual: T, ...rare: T[]): fc.Arbitrary<T> =>
    fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) });
  const aVoice: fc.Arbitrary<Voice> = fc.record({
    author: fc.constantFrom(ALICE, BOB, CAROL, DAVE, STRANGER, SELF),
    stance: often<Voice['stance']>('for', 'against'),
    basis: often<Voice['basis']>('reviewed-human', 'author', 'reviewed-build', 'failure'),
    record: fc.constant(PATCH),
    stale: often(false, true),
  });
  const aQuestion: fc.Arbitrary<Question> = fc
    .record({
      about: fc.constantFrom('patch', 'version'),
      recipeName: fc.constantFrom('debian-12-tiny', 'fedora', 'other'),
      recordAuthor: fc.constantFrom(ALICE, ALICE, BOB, STRANGER),
      changeClass: fc.constantFrom('wording', 'choices', 'sends', 'authority'),
      voices: fc.array(aVoice, { maxLength: 8 }),
    })
    .map((changes) => question(changes));
  const seed = { seed: 20261123, numRuns: 2000 };

  it('threat 14: is the same in any order', () => {
    fc.assert(
      fc.property(aQuestion, fc.nat(), (asked, pivot) => {
        const at = asked.voices.length === 0 ? 0 : pivot % asked.voices.length;
        const turned = [...asked.voices.slice(at), ...asked.voices.slice(0, at)].toReversed();
        assert.deepEqual(decide(POLICY, { ...asked, voices: turned }), decide(POLICY, asked));
      }),
      seed,
    );
  });

  it('never becomes more permissive when a voice for it is missing or any voice is stale', () => {
    fc.assert(
      fc.property(aQuestion, fc.nat(), (asked, pick) => {
        const before = rank(decide(POLICY, asked).apply);
        const at = asked.voices.length === 0 ? 0 : pick % asked.voices.length;
        const stale = asked.voices.map((one, index) => (index === at ? { ...one, stale: true } : one));
        assert.ok(rank(decide(POLICY, { ...asked, voices: stale }).apply) <= before);
        if (asked.voices[at]?.stance === 'for') {
          const dropped = asked.voices.filter((_, index) => index !== at);
          assert.ok(rank(decide(POLICY, { ...asked, voices: dropped }).apply) <= before);
        }
      }),
      seed,
    );
  });

  it('never becomes more permissive by a voice against, or by saying the same twice', () => {
    fc.assert(
      fc.property(aQuestion, aVoice, (asked, extra) => {
        const before = decide(POLICY, asked);
        const against = { ...extra, stance: 'against' as const };
        assert.ok(rank(decide(POLICY, { ...asked, voices: [...asked.voices, against] }).apply) <= rank(before.apply));
        assert.deepEqual(decide(POLICY, { ...asked, voices: [...asked.voices, ...asked.voices] }), before);
      }),
      seed,
    );
  });

  it('is automatic only with enough fresh voices for it and none against', () => {
    let automatic = 0;
    fc.assert(
      fc.property(aQuestion, (asked) => {
        if (decide(POLICY, asked).apply !== 'auto') return;
        automatic += 1;
        const known = asked.voices.filter((one) => one.author !== STRANGER);
        assert.ok(known.every((one) => one.stance === 'for'));
        const counted = known.filter((one) => !one.stale && ['author', 'reviewed-human'].includes(one.basis));
        const authors = new Set(counted.map((one) => one.author));
        assert.notEqual(asked.changeClass, 'authority');
        assert.ok(authors.size >= (asked.recipeName === 'fedora' ? 3 : asked.changeClass === 'choices' ? 2 : 1));
      }),
      seed,
    );
    assert.ok(automatic > 20, `only ${automatic} automatic decisions were seen: the property proves little`);
  });
});
