/** What policy, and the person's own decisions, say about a published patch. */
import type { Digest } from '../crypto/digest.ts';
import { PortalgunError } from '../errors.ts';
import { decide, voicesFor, type Decision } from '../exchange/trust/index.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { classOf } from '../recipe/classify.ts';
import { parseRecipe } from '../recipe/parse.ts';
import type { ChangeClass, CheckedRecipe } from '../recipe/types.ts';
import type { PublishedPatch } from '../heal/candidates.ts';
import { allOf, stalenessAt, voiceRecords } from './knowledge.ts';
import type { Session } from './session.ts';

/** What the person decided in the inbox. Stands above policy, but never makes a stranger's patch usable. */
export type PersonalDecision = 'accepted' | 'rejected';

export const INBOX_PREFIX = 'inbox/';

export async function personalDecision(session: Session, record: Digest): Promise<PersonalDecision | undefined> {
  const value = await session.store.notes.get(INBOX_PREFIX + record);
  return value === 'accepted' || value === 'rejected' ? value : undefined;
}

/** Makes the decision function for one moment: policy, voices and staleness as they are now. */
export async function judgeAt(
  session: Session,
): Promise<(patch: PublishedPatch, changeClass: ChangeClass, personal: PersonalDecision | undefined) => Decision> {
  const policy = await session.policy.current();
  const [records, isStale, authors] = [
    await voiceRecords(session),
    await stalenessAt(session),
    await recipeAuthors(session),
  ];
  return (patch, changeClass, personal) => {
    const decision = decide(policy, {
      about: 'patch',
      record: patch.record.id,
      recipeAuthor: authors(patch.meaning.base) ?? session.identity.author,
      recipeName: patch.meaning.recipeName,
      recordAuthor: patch.record.link.author,
      changeClass,
      voices: voicesFor(patch, records, isStale),
      self: session.identity.author,
    });
    return personal === undefined ? decision : withPersonal(decision, personal);
  };
}

function withPersonal(decision: Decision, personal: PersonalDecision): Decision {
  if (personal === 'rejected') {
    return { ...decision, apply: 'never', because: [...decision.because, 'You rejected it in the inbox.'] };
  }
  if (decision.apply === 'never') return decision;
  return { ...decision, apply: 'auto', because: [...decision.because, 'You accepted it in the inbox.'] };
}

/**
 * Who published the recipe that a digest names. Results of patches belong to the author of the recipe that they start
 * from; a recipe that nobody published is this person's own.
 */
export async function recipeAuthors(session: Session): Promise<(digest: Digest) => AuthorId | undefined> {
  const recipes = new Map<Digest, AuthorId>();
  for (const { record, meaning } of await allOf(session, 'recipe')) {
    const earlier = recipes.get(meaning.digest);
    // The same text published twice: one's own claim wins, then the smaller id, so that every order gives one answer.
    if (earlier === undefined || record.link.author === session.identity.author || record.link.author < earlier) {
      if (earlier !== session.identity.author) recipes.set(meaning.digest, record.link.author);
    }
  }
  const bases = new Map<Digest, Digest>();
  for (const { meaning } of await allOf(session, 'patch')) bases.set(meaning.result, meaning.base);
  return (digest) => {
    const seen = new Set<Digest>();
    for (let at: Digest | undefined = digest; at !== undefined && !seen.has(at); at = bases.get(at)) {
      seen.add(at);
      const author = recipes.get(at);
      if (author !== undefined) return author;
    }
    return undefined;
  };
}

/** The stored recipe that a patch starts from, and the class of the change; undefined where the base is not stored. */
export async function baseOf(
  session: Session,
  patch: PublishedPatch,
): Promise<{ recipe: CheckedRecipe; changeClass: ChangeClass } | undefined> {
  const recipe = await recipeByDigest(session, patch.meaning.base);
  return recipe && { recipe, changeClass: classOf(recipe, patch.meaning.operations) };
}

/** A recipe by digest: published, or kept in this home. */
export async function recipeByDigest(session: Session, digest: Digest): Promise<CheckedRecipe | undefined> {
  for (const { meaning } of await allOf(session, 'recipe')) {
    if (meaning.digest !== digest) continue;
    const checked = parsePublished(meaning.yaml);
    if (checked?.digest === digest) return checked; // until the text agrees, a digest is its author's claim
  }
  const kept = await session.store.notes.get(`recipe/${digest}`);
  return typeof kept === 'string' ? parseRecipe(kept, digest) : undefined;
}

/** What a peer published may be no recipe for this version: then it is as good as not there. */
function parsePublished(yaml: string): CheckedRecipe | undefined {
  try {
    return parseRecipe(yaml, 'a published recipe');
  } catch (error) {
    if (error instanceof PortalgunError) return undefined;
    throw error;
  }
}
