/**
 * The one function that decides whether a patch or a new version may be used, and says why.
 *
 * Pure and independent of the order in which voices arrive (threats.md, 14). Whatever is missing, stale or unknown
 * can only make the answer stricter (6, 13). `authority` is capped here as well as at the parser, so that no way of
 * building a `Policy` leads around it.
 */
import type { AuthorId } from '../record/types.ts';
import { describeWhen, groupFor, isSatisfied, peersIn } from './group.ts';
import { SELF_NAME } from './policy-names.ts';
import { globMatches, parseRecipeGlob } from './recipe-glob.ts';
import type { Apply, Decision, Permission, Policy, Question, Voice } from './types.ts';

/** Least to most permissive. */
const ORDER: readonly Apply[] = ['never', 'ask', 'auto'];

/** What one rule (or the defaults) says. */
interface Outcome {
  readonly apply: Apply;
  readonly rule: number | null;
  readonly missing: readonly string[];
}

export function decide(policy: Policy, question: Question): Decision {
  const name = namer(policy, question.self);
  const because: string[] = [
    `${question.about} ${question.record} by ${name(question.recordAuthor)} for ` +
      `${name(question.recipeAuthor)}/${question.recipeName}, class ${question.changeClass}`,
  ];
  if (!isConfigured(policy, question.recordAuthor, question.self)) {
    because.push(`${question.recordAuthor} is not a peer in your policy: what strangers sign is never used`);
    return { apply: 'never', because, rule: null, missing: [] };
  }

  const voices = weigh(policy, question, name, because);
  const outcomes = rulesFor(policy, question).map(({ rule, number, permission }) => {
    const outcome = judge(policy, permission, number, voices.isFor);
    because.push(
      `rule ${number} (line ${rule.line}) says ${describePermission(policy, permission)}: ${outcome.apply}` +
        (outcome.missing.length === 0 ? '' : `, still without ${outcome.missing.join(', ')}`),
    );
    return outcome;
  });
  if (outcomes.length === 0) {
    const apply = question.about === 'patch' ? policy.defaults.patches : policy.defaults.versions;
    because.push(`no rule covers it, the default is ${apply}`);
    outcomes.push({ apply, rule: null, missing: [] });
  }

  const strictest = outcomes.reduce((least, one) => (rank(one.apply) < rank(least.apply) ? one : least));
  if (outcomes.length > 1) because.push(`${outcomes.length} rules cover it, the most restrictive wins`);
  const apply = capped(policy, strictest.apply, question, voices.against, because);
  because.push(`so: ${apply}`);
  return { apply, because, rule: strictest.rule, missing: strictest.missing };
}

function rank(apply: Apply): number {
  return ORDER.indexOf(apply);
}

/**
 * What no rule can change: one voice against stops the automatic, `authority` is never automatic, and nothing is while the
 * file does not read.
 */
function capped(
  { broken }: Policy,
  apply: Apply,
  question: Question,
  against: readonly string[],
  because: string[],
): Apply {
  if (apply !== 'auto') return apply;
  if (broken !== undefined) {
    because.push(`the policy file cannot be read as it is now, and nothing is automatic until it can: ${broken}`);
    return 'ask';
  }
  if (against.length > 0) {
    because.push(`${against.join(', ')} against: nothing happens automatically`);
    return 'ask';
  }
  if (question.changeClass === 'authority') {
    because.push('authority changes are never automatic, whatever a rule says');
    return 'ask';
  }
  return apply;
}

interface Weighed {
  readonly isFor: (author: AuthorId) => boolean;
  /** Names of configured authors against, each once. */
  readonly against: readonly string[];
}

/**
 * Sets of author ids, so that one author counts once however much they say. Against outweighs for, from the same
 * author too. Stale voices still stop: silence must not be a way to withdraw an objection.
 */
function weigh(policy: Policy, question: Question, name: (author: AuthorId) => string, because: string[]): Weighed {
  const forIt = new Set<AuthorId>();
  const against = new Set<AuthorId>();
  const lines = new Set<string>();
  for (const voice of question.voices) {
    const effect = effectOf(voice, isConfigured(policy, voice.author, question.self));
    if (effect === 'counts for') forIt.add(voice.author);
    if (effect === 'counts against') against.add(voice.author);
    lines.add(`${name(voice.author)} is ${voice.stance} it (${voice.basis}, ${voice.record}): ${effect}`);
  }
  because.push(...[...lines].sort());
  return {
    isFor: (author) => forIt.has(author) && !against.has(author),
    against: [...against].map(name).sort(),
  };
}

function effectOf(voice: Voice, configured: boolean): string {
  if (!configured) return 'not a peer in your policy, does not count';
  if (voice.stance === 'against') return 'counts against';
  if (voice.basis !== 'author' && voice.basis !== 'reviewed-human') return 'shown, does not count: nobody looked at it';
  if (voice.stale) return 'does not count: the feed is stale';
  return 'counts for';
}

function judge(policy: Policy, permission: Permission, rule: number, isFor: (author: AuthorId) => boolean): Outcome {
  if (permission.when === undefined || permission.apply === 'never') {
    return { apply: permission.apply === 'auto' ? 'ask' : permission.apply, rule, missing: [] };
  }
  const group = groupFor(policy, permission.when);
  if (isSatisfied(policy, group, isFor)) return { apply: permission.apply, rule, missing: [] };
  const missing = peersIn(policy, group).filter((peer) => {
    const entry = policy.peers[peer];
    return entry === undefined || !isFor(entry.id);
  });
  // Short of its `when`, what would be automatic is asked, and what would be asked waits.
  return { apply: permission.apply === 'auto' ? 'ask' : 'never', rule, missing };
}

function rulesFor(policy: Policy, question: Question) {
  return policy.rules.flatMap((rule, index) => {
    const permission = question.about === 'patch' ? rule.patches[question.changeClass] : rule.versions;
    if (permission === undefined) return [];
    if (!rule.recipes.some((glob) => coversRecipe(policy, glob, question))) return [];
    return [{ rule, number: index + 1, permission }];
  });
}

/** Whether an `author/name` glob of the policy is about this recipe. */
export function coversRecipe(
  policy: Policy,
  text: string,
  recipe: Pick<Question, 'recipeAuthor' | 'recipeName' | 'self'>,
): boolean {
  const glob = parseRecipeGlob(text);
  if (glob === undefined || !globMatches(glob.name, recipe.recipeName)) return false;
  if (glob.author === '*') return true;
  if (glob.author === SELF_NAME) return recipe.recipeAuthor === recipe.self;
  return recipe.recipeAuthor === (policy.peers[glob.author]?.id ?? glob.author);
}

/** A peer of the policy, or the owner of this node. */
export function isConfigured(policy: Policy, author: AuthorId, self?: AuthorId): boolean {
  return author === self || Object.values(policy.peers).some((peer) => peer.id === author);
}

function describePermission(policy: Policy, permission: Permission): string {
  return permission.when === undefined
    ? permission.apply
    : `${permission.apply} when ${describeWhen(policy, permission.when)}`;
}

/** Pet names for the authors in the policy, ids for everybody else. */
export function namer(policy: Policy, self?: AuthorId): (author: AuthorId) => string {
  const byId = new Map(Object.entries(policy.peers).map(([name, { id }]) => [id, name]));
  return (author) => byId.get(author) ?? (author === self ? SELF_NAME : author);
}
