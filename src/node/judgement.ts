/** What policy, and the person's own decisions, say about a published patch. */
import type { Digest } from '../crypto/digest.ts';
import { PortalgunError } from '../errors.ts';
import { coversRecipe, decide, voicesAmong, type Decision } from '../exchange/trust/index.ts';
import { comparePositions } from '../exchange/record/index.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { highestClass } from '../recipe/change.ts';
import { classOf, recipeChanges } from '../recipe/classify.ts';
import { parseRecipe } from '../recipe/parse.ts';
import type { ChangeClass, CheckedRecipe } from '../recipe/types.ts';
import type { PublishedPatch } from '../heal/candidates.ts';
import { allOf, stalenessAt, voiceRecords, type Known } from './knowledge.ts';
import type { Session } from './session.ts';

/** What the person decided in the inbox. Stands above policy, but never makes a stranger's patch usable. */
export type PersonalDecision = 'accepted' | 'rejected';

export const INBOX_PREFIX = 'inbox/';

export async function personalDecision(session: Session, record: Digest): Promise<PersonalDecision | undefined> {
  const value = await session.store.notes.get(INBOX_PREFIX + record);
  return value === 'accepted' || value === 'rejected' ? value : undefined;
}

/** How one patch is judged. `of`: the recipe that it would be used on, where that may be another than it claims. */
export type Judge = (
  patch: PublishedPatch,
  changeClass: ChangeClass,
  personal: PersonalDecision | undefined,
  of?: Digest,
) => Decision;

/** Makes the decision function for one moment: policy, voices and staleness as they are now. */
export async function judgeAt(session: Session): Promise<Judge> {
  const policy = await session.policy.current();
  const [records, isStale, authorsOf] = [
    await voiceRecords(session),
    await stalenessAt(session),
    await recipeAuthors(session),
  ];
  const voicesOf = voicesAmong(records, isStale);
  return (patch, changeClass, personal, of = patch.meaning.base) => {
    const { recipeName } = patch.meaning;
    const voices = voicesOf(patch);
    const authors = new Set([patch.meaning.base, of].flatMap((digest) => authorsOf(digest, recipeName)));
    const decision = strictest(
      [...authors].map((recipeAuthor) =>
        decide(policy, {
          about: 'patch',
          record: patch.record.id,
          recipeAuthor,
          recipeName,
          recordAuthor: patch.record.link.author,
          changeClass,
          voices,
          self: session.identity.author,
        }),
      ),
    );
    return personal === undefined ? decision : withPersonal(decision, personal);
  };
}

/** Earlier versions with which a new one is compared; beyond those before them, it reaches as far as anything can. */
const VERSIONS_COMPARED_MAX = 32;

/**
 * What policy says of a version of a recipe, and how far it reaches beyond those that its author published before it. Which
 * of them a person has, nobody knows here: what was brought in by the version before, and is kept by this one, is as new to
 * who skipped that. With none to compare it with, it reaches as far as anything can. `since`: the newest that it goes so far beyond.
 */
export async function judgeVersion(
  session: Session,
  { record, meaning }: Known<'recipe'>,
): Promise<{ readonly changeClass: ChangeClass; readonly since: string | null; readonly decision: Decision }> {
  const { author } = record.link;
  const before = (await allOf(session, 'recipe'))
    .filter((one) => one.record.link.author === author && one.meaning.name === meaning.name)
    .filter((one) => comparePositions(one.record.link, record.link) < 0)
    .sort((a, b) => comparePositions(b.record.link, a.record.link));
  const steps = stepsTo(meaning.yaml, before);
  const widest = steps.find((step) => step.class === highestClass(steps));
  const changeClass = widest?.class ?? 'authority';
  const decision = decide(await session.policy.current(), {
    about: 'version',
    record: record.id,
    recipeAuthor: author,
    recipeName: meaning.name,
    recordAuthor: author,
    changeClass,
    voices: voicesAmong(await voiceRecords(session), await stalenessAt(session))({ record, meaning }),
    self: session.identity.author,
  });
  return { changeClass, since: widest?.since ?? null, decision };
}

interface VersionStep {
  readonly since: string;
  readonly class: ChangeClass;
}

/** From each of the earlier ones that reads. */
function stepsTo(yaml: string, before: readonly Known<'recipe'>[]): VersionStep[] {
  const is = parsePublished(yaml);
  return before.flatMap(({ meaning }, index) => {
    if (index >= VERSIONS_COMPARED_MAX) return [{ since: meaning.version, class: 'authority' as const }];
    const was = parsePublished(meaning.yaml);
    if (was === undefined || is === undefined) return [];
    const changes = recipeChanges(was.recipe, is.recipe).filter(({ where }) => where !== 'version');
    return [{ since: meaning.version, class: highestClass(changes) }];
  });
}

const STRICTEST_FIRST = ['never', 'ask', 'auto'] as const;

/** What is allowed under every author's name. Publishing a copy of a recipe must not bring it under another rule. */
function strictest([first, ...others]: readonly Decision[]): Decision {
  if (first === undefined) throw new TypeError('a recipe has an author');
  const rank = ({ apply }: Decision): number => STRICTEST_FIRST.indexOf(apply);
  const decision = others.reduce((least, one) => (rank(one) < rank(least) ? one : least), first);
  if (others.length === 0) return decision;
  const because = `${others.length + 1} authors have published this recipe, or what it came from: the strictest rule of all counts`;
  return { ...decision, because: [...decision.because, because] };
}

function withPersonal(decision: Decision, personal: PersonalDecision): Decision {
  if (personal === 'rejected') {
    return { ...decision, apply: 'never', because: [...decision.because, 'You rejected it in the inbox.'] };
  }
  if (decision.apply === 'never') return decision;
  return { ...decision, apply: 'auto', because: [...decision.because, 'You accepted it in the inbox.'] };
}

/**
 * Everybody by whose name rules may know a recipe, in the order of their ids: who published it, or published what it
 * was made from by a patch. All of it is claimed by whoever signs it, so a claim adds an author and takes none away. A
 * recipe that nobody published is this person's own.
 */
export async function recipeAuthors(
  session: Session,
): Promise<(digest: Digest, recipeName: string) => readonly AuthorId[]> {
  const self = session.identity.author;
  const policy = await session.policy.current();
  const publishers = groupBy(
    (await allOf(session, 'recipe')).map(({ record, meaning }) => [meaning.digest, record.link.author]),
  );
  const bases = groupBy((await allOf(session, 'patch')).map(({ meaning }) => [meaning.result, meaning.base]));
  return (digest, recipeName) => {
    const made = new Set([digest]);
    for (const at of made) for (const base of bases.get(at) ?? []) made.add(base);
    const authors = new Set([...made].flatMap((at) => [...(publishers.get(at) ?? [])]));
    const isMine = policy.rules.some(({ recipes }) =>
      recipes.some((glob) => coversRecipe(policy, glob, { recipeAuthor: self, recipeName, self })),
    );
    if (authors.size === 0 || (isMine && !publishers.has(digest))) authors.add(self);
    return [...authors].sort();
  };
}

function groupBy<K, V>(pairs: readonly (readonly [K, V])[]): ReadonlyMap<K, ReadonlySet<V>> {
  const groups = new Map<K, Set<V>>();
  for (const [key, value] of pairs) {
    const group = groups.get(key) ?? new Set<V>();
    groups.set(key, group.add(value));
  }
  return groups;
}

/**
 * The stored recipe that a patch starts from, and the class of the change; undefined where the base is not stored, is
 * called otherwise than the patch says (rules go by names), or where the patch does not fit it: what a peer signed must
 * not keep the person from reading what others did.
 */
export async function baseOf(
  session: Session,
  patch: PublishedPatch,
): Promise<{ recipe: CheckedRecipe; changeClass: ChangeClass } | undefined> {
  const recipe = await recipeByDigest(session, patch.meaning.base);
  if (recipe?.recipe.name !== patch.meaning.recipeName) return undefined;
  try {
    return { recipe, changeClass: classOf(recipe, patch.meaning.operations) };
  } catch (error) {
    if (error instanceof PortalgunError) return undefined;
    throw error;
  }
}

/** A recipe by digest, as somebody published it. */
export async function recipeByDigest(session: Session, digest: Digest): Promise<CheckedRecipe | undefined> {
  for (const { meaning } of await allOf(session, 'recipe')) {
    if (meaning.digest !== digest) continue;
    const checked = parsePublished(meaning.yaml);
    if (checked?.digest === digest) return checked; // until the text agrees, a digest is its author's claim
  }
  return undefined;
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
