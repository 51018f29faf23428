/** One verdict a peer, from what they signed. Pure. Verdicts are computed, never published. */
import type { Digest } from '../crypto/digest.ts';
import { comparePositions, type BuildInputs, type Position } from '../exchange/record/index.ts';
import type { AuthorId, Meaning } from '../exchange/record/types.ts';
import type { ManifestDifference } from '../workshop/image/manifest.ts';

export type Attestation = Extract<Meaning, { kind: 'attestation' }>;
export type Failure = Extract<Meaning, { kind: 'failure' }>;

/** What this machine built. */
export interface OwnBuild {
  readonly recipe: Digest;
  readonly recipeName: string;
  readonly buildKey: Digest;
  /** What the build key is made of; absent for a build that somebody touched. */
  readonly inputs?: BuildInputs;
  /** Digest of what was done, whatever its name and rules. */
  readonly work?: Digest;
  readonly manifest: Digest;
  readonly builder: Readonly<Record<string, string>>;
  /** Fingerprints of the keys that vouched for its media. */
  readonly signers?: readonly string[];
}

/** What one configured peer has said about this recipe, newest first in feed order. */
export interface PeerReport {
  readonly name: string;
  readonly author: AuthorId;
  readonly stale: boolean;
  readonly attestations: readonly Said<Attestation>[];
  readonly failures: readonly Said<Failure>[];
}

export interface Said<T> {
  readonly record: Digest;
  readonly meaning: T;
  /** Place in the author's feed. */
  readonly place?: Position;
  /** Taken back by its author: told, but no voice. */
  readonly withdrawn?: boolean;
}

export interface PeerVerdict {
  readonly peer: string;
  readonly author: AuthorId;
  readonly verdict: 'match' | 'differs' | 'failed' | 'not-attempted' | 'stale' | 'explained';
  /** One sentence. */
  readonly because: string;
  readonly record: Digest | null;
  readonly manifest: Digest | null;
  /** Their build differs from mine in nothing but the normaliser rules: `underOtherRules` says what that comes to. */
  readonly otherRules?: true;
  /** What their build shares with mine (`qemu`, `accelerator`, …): a match under equal conditions proves less. */
  readonly shared: readonly string[];
  /** The same in whole: what each of both builds was made with. Empty where there is nothing to compare. */
  readonly conditions: readonly Condition[];
  /** All that they have said about this recipe, newest first: also what they took back, and what is not comparable. */
  readonly attempts: readonly Attempt[];
}

/** Something that two builds may have in common. */
export interface Condition {
  readonly what: string;
  readonly mine: string;
  readonly theirs: string;
}

export interface Attempt {
  readonly record: Digest;
  readonly what: 'build' | 'failure';
  /** For a build: what became of it, beside mine. */
  readonly result: 'match' | 'differs' | 'not-comparable' | 'failed';
  readonly withdrawn: boolean;
}

/** Attempts that are told of one peer: who builds each night has made hundreds. */
export const MAX_ATTEMPTS = 50;

export function verdictFor(mine: OwnBuild, peer: PeerReport): PeerVerdict {
  const { name, author } = peer;
  const attempts = attemptsOf(mine, peer);
  const base = { peer: name, author, record: null, manifest: null, shared: [], conditions: [], attempts };
  const attestations = peer.attestations.filter(({ withdrawn }) => withdrawn !== true);
  const failures = peer.failures.filter(({ withdrawn }) => withdrawn !== true);
  const comparables = attestations.filter(({ meaning }) => meaning.buildKey === mine.buildKey);
  // Whatever else a peer has signed: a difference that still stands is one (threat 31). Taking it back is a withdrawal.
  const comparable = comparables.find(({ meaning }) => meaning.manifest !== mine.manifest) ?? comparables[0];
  if (comparable) {
    const { record, meaning } = comparable;
    const conditions = conditionsOf(mine, meaning);
    const shared = conditions.filter(({ mine: own, theirs }) => own === theirs).map(({ what }) => what);
    const found = { ...base, record, manifest: meaning.manifest, shared, conditions };
    if (meaning.manifest !== mine.manifest) {
      return { ...found, verdict: 'differs', because: 'Same recipe, lock and rules, another manifest.' };
    }
    if (peer.stale) {
      return {
        ...found,
        verdict: 'stale',
        because: 'Their manifest equals yours, but their feed has not been confirmed lately.',
      };
    }
    return { ...found, verdict: 'match', because: 'Their manifest equals yours.' };
  }
  const failure = failures.find(({ meaning }) => meaning.recipe === mine.recipe);
  if (failure) {
    const steps = failure.meaning.failedSteps.join(', ');
    return { ...base, verdict: 'failed', record: failure.record, because: `Their build failed at: ${steps}.` };
  }
  if (peer.stale) return { ...base, verdict: 'stale', because: 'Nothing fresh is known of their feed.' };
  const near = attestations.find(({ meaning }) => differsInRulesAlone(meaning, mine));
  if (near) {
    const { record, meaning } = near;
    const because = 'They built this under other normaliser rules; what that hides is not known.';
    return { ...base, verdict: 'not-attempted', because, record, manifest: meaning.manifest, otherRules: true };
  }
  const other = attestations.find(({ meaning }) => meaning.recipeName === mine.recipeName);
  const because = other
    ? 'They built this recipe under another build key (version, parameters, lock or rules): not comparable.'
    : 'They have published no build of this recipe.';
  return { ...base, verdict: 'not-attempted', because };
}

/**
 * Facts of both builders, by name; the keys that vouched for the media are one of them. What the build key is made of is
 * none: it is the same wherever anything is compared.
 */
function conditionsOf(mine: OwnBuild, theirs: Attestation): Condition[] {
  const own = new Map(Object.entries(mine.builder));
  if (mine.signers !== undefined && mine.signers.length > 0) own.set('signers', mine.signers.join(' '));
  const other = new Map([...Object.entries(theirs.builder), ['signers', theirs.signers.join(' ')]]);
  return [...own].map(([what, value]) => ({ what, mine: value, theirs: other.get(what) ?? '' }));
}

const UNPLACED: Position = { recovery: 0, epoch: 0, seq: 0 };

function attemptsOf(mine: OwnBuild, peer: PeerReport): Attempt[] {
  const resultOf = (meaning: Attestation): Attempt['result'] => {
    if (meaning.buildKey !== mine.buildKey) return 'not-comparable';
    return meaning.manifest === mine.manifest ? 'match' : 'differs';
  };
  const builds = peer.attestations
    .filter(({ meaning }) => meaning.recipeName === mine.recipeName)
    .map((said) => ({ said, what: 'build' as const, result: resultOf(said.meaning) }));
  const failures = peer.failures
    .filter(({ meaning }) => meaning.recipeName === mine.recipeName)
    .map((said) => ({ said, what: 'failure' as const, result: 'failed' as const }));
  return [...builds, ...failures]
    .sort((a, b) => comparePositions(b.said.place ?? UNPLACED, a.said.place ?? UNPLACED))
    .slice(0, MAX_ATTEMPTS)
    .map(({ said, what, result }) => ({ record: said.record, what, result, withdrawn: said.withdrawn === true }));
}

/** Rules are part of the recipe that names them: who asks for others has another recipe, of the same work. */
function differsInRulesAlone({ inputs: theirs, work }: Attestation, { inputs: mine, work: own }: OwnBuild): boolean {
  return (
    mine !== undefined &&
    theirs.normaliser !== mine.normaliser &&
    (theirs.recipe === mine.recipe || (work !== null && work === own)) &&
    theirs.lock === mine.lock &&
    theirs.manifestFormat === mine.manifestFormat &&
    theirs.cpuModel === mine.cpuModel
  );
}

/** The verdict about a build under other rules, once it is known in which entries the two manifests differ. */
export function underOtherRules(verdict: PeerVerdict, differences: readonly ManifestDifference[]): PeerVerdict {
  const rules = new Set<string>();
  let unexplained = 0;
  for (const difference of differences) {
    const named = rulesOf(difference);
    if (named.length === 0) unexplained += 1;
    for (const rule of named) rules.add(rule);
  }
  if (unexplained > 0) {
    const because = `Under other rules, but no rule of either side touches ${unexplained} of the entries that differ.`;
    return { ...verdict, verdict: 'differs', because };
  }
  const which = rules.size === 0 ? 'no entry differs' : `explained by ${[...rules].sort().join(', ')}`;
  return { ...verdict, verdict: 'explained', because: `Under other normaliser rules: ${which}.` };
}

function rulesOf({ a, b }: { readonly a?: object; readonly b?: object }): string[] {
  return [a, b].flatMap((entry) =>
    entry !== undefined && 'rule' in entry && typeof entry.rule === 'string' ? [entry.rule] : [],
  );
}
