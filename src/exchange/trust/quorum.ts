/**
 * Whether enough builders that the policy names have confirmed a checksum. Whole numbers over the configured set;
 * one configured builder with another result is a conflict, whatever the count (threats.md, 13, 14, 31).
 */
import type { AuthorId } from '../record/types.ts';
import { coversRecipe, namer } from './decide.ts';
import { isSatisfied, peersIn } from './group.ts';
import type { Policy } from './types.ts';

/** One builder's verdict, as the cross-check computed it. */
export interface ChecksumVote {
  readonly author: AuthorId;
  readonly verdict: 'match' | 'differs' | 'failed' | 'not-attempted' | 'stale' | 'explained';
}

export interface ChecksumDecision {
  /** `no-rule`: the policy asks for no confirmation of this recipe. */
  readonly result: 'confirmed' | 'pending' | 'conflict' | 'no-rule';
  /** One sentence a line, in order. */
  readonly because: readonly string[];
  /** Names of the peers whose match is awaited. */
  readonly missing: readonly string[];
}

export function confirmChecksums(
  policy: Policy,
  recipe: { readonly recipeAuthor: AuthorId; readonly recipeName: string; readonly self?: AuthorId },
  votes: readonly ChecksumVote[],
): ChecksumDecision {
  const name = namer(policy, recipe.self);
  const because: string[] = [];
  const verdicts = verdictsByAuthor(votes);
  for (const [author, said] of [...verdicts].sort(([a], [b]) => (name(a) < name(b) ? -1 : 1))) {
    because.push(`${name(author)}: ${[...said].sort().join(' and ')}`);
  }
  /** Says match, and nothing that contradicts it. An explained difference is not a match. */
  const matches = (author: AuthorId): boolean => {
    const said = verdicts.get(author);
    return said !== undefined && said.size === 1 && said.has('match');
  };

  const missing = new Set<string>();
  const differing = new Set<string>();
  let rules = 0;
  let satisfied = 0;
  policy.rules.forEach((rule, index) => {
    if (rule.checksums === undefined) return;
    if (!rule.recipes.some((glob) => coversRecipe(policy, glob, recipe))) return;
    rules += 1;
    const { confirm } = rule.checksums;
    const peers = peersIn(policy, confirm).map((peer) => ({ peer, id: policy.peers[peer]?.id }));
    const matching = peers.filter(({ id }) => id !== undefined && matches(id)).length;
    const enough = isSatisfied(policy, confirm, matches);
    if (enough) satisfied += 1;
    because.push(
      `rule ${index + 1} (line ${rule.line}) wants ${confirm.k} of ${confirm.of.join(', ')}: ` +
        `${matching} of ${peers.length} builders match, ${enough ? 'enough' : 'not enough'}`,
    );
    for (const { peer, id } of peers) {
      if (id !== undefined && verdicts.get(id)?.has('differs')) differing.add(peer);
      else if (!enough && (id === undefined || !matches(id))) missing.add(peer);
    }
  });

  if (rules === 0) {
    because.push('no rule asks for a confirmed checksum of this recipe');
    return { result: 'no-rule', because, missing: [] };
  }
  if (differing.size > 0) {
    because.push(`${[...differing].join(', ')} built something else: a conflict, whatever the others say`);
    return { result: 'conflict', because, missing: [...missing] };
  }
  return { result: satisfied === rules ? 'confirmed' : 'pending', because, missing: [...missing] };
}

function verdictsByAuthor(votes: readonly ChecksumVote[]): Map<AuthorId, Set<ChecksumVote['verdict']>> {
  const verdicts = new Map<AuthorId, Set<ChecksumVote['verdict']>>();
  for (const { author, verdict } of votes) {
    const said = verdicts.get(author) ?? new Set();
    verdicts.set(author, said.add(verdict));
  }
  return verdicts;
}
