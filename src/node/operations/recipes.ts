/** Recipes that this node and its peers offer. */
import { PortalgunError, RefusedError, UsageError } from '../../errors.ts';
import { lockMatches, parseLock } from '../../recipe/lock.ts';
import { parseRecipe } from '../../recipe/parse.ts';
import type { Digest } from '../../crypto/digest.ts';
import { comparePositions } from '../../exchange/record/index.ts';
import type { CheckedRecipe } from '../../recipe/types.ts';
import { isDigest } from '../../crypto/digest.ts';
import { groupRecipes } from '../groups.ts';
import { allOf, withdrawnAt, type Known } from '../knowledge.ts';
import { nameOf, type Session } from '../session.ts';
import type { Arguments } from './arguments.ts';

export async function list(session: Session): Promise<unknown> {
  const recipes = [...(await allOf(session, 'recipe')), ...(await groupRecipes(session))];
  return recipes.map((known) => describe(session, known)).sort((a, b) => (a.recipe < b.recipe ? -1 : 1));
}

/**
 * A recipe by `author/name[@version]` or digest, with its YAML text. The newest of the feed where several fit, but for
 * those that their author has withdrawn.
 */
export async function get(session: Session, args: Arguments): Promise<unknown> {
  const wanted = args.text('recipe');
  const named = await recipesToGet(session, wanted);
  const isWithdrawn = await withdrawnAt(session);
  const standing = named.filter(({ record }) => !isWithdrawn(record));
  const newest = standing.sort((a, b) => comparePositions(b.record.link, a.record.link));
  if (newest.length === 0) {
    throw new RefusedError('recipe/withdrawn', `${wanted} was withdrawn by its author`, {
      hint: 'portalgun recipe list shows what else there is.',
    });
  }
  // A digest names one text, whoever else claims it; a name means the newest record, and nothing in its place.
  const found = (isDigest(wanted) ? newest.find(saysWhatItClaims) : undefined) ?? newest[0]!;
  const { yaml, lockYaml, digest } = found.meaning;
  const checked = parseRecipe(yaml, wanted);
  const hint = 'Its author published something wrong, or lies. Ask them.';
  if (checked.digest !== digest) {
    throw new RefusedError(
      'recipe/wrong-digest',
      `${wanted} claims the digest ${digest}, but its text has ${checked.digest}`,
      { hint },
    );
  }
  const { name, version } = checked.recipe;
  if (name !== found.meaning.name || version !== found.meaning.version) {
    throw new RefusedError('recipe/wrong-name', `${wanted} is called ${name} ${version} by its own text`, { hint });
  }
  if (lockYaml !== undefined && !isLockOf(lockYaml, checked)) {
    throw new RefusedError('recipe/wrong-lock', `${wanted} comes with a lock that is none of its own media`, { hint });
  }
  return {
    ...describe(session, found),
    author: found.record.link.author,
    yaml,
    ...(lockYaml !== undefined && { lockYaml }),
  };
}

/** What is public goes before what is in a private group: between two feeds there is no newer and older. */
async function recipesToGet(session: Session, wanted: string): Promise<Known<'recipe'>[]> {
  const inGroups = (await groupRecipes(session)).filter((known) => fits(session, known, wanted));
  try {
    return await recipesNamed(session, wanted);
  } catch (error) {
    const first = inGroups[0];
    if (first === undefined || !(error instanceof PortalgunError) || error.code !== 'recipe/unknown') throw error;
    return inGroups.filter(
      ({ record: { link } }) => link.author === first.record.link.author && link.scope === first.record.link.scope,
    );
  }
}

/** At least one, those that were withdrawn among them. Rejects with `recipe/unknown`. */
export async function recipesNamed(session: Session, wanted: string): Promise<Known<'recipe'>[]> {
  const named = (await allOf(session, 'recipe')).filter((known) => fits(session, known, wanted));
  if (named.length > 0) return named;
  throw new UsageError('recipe/unknown', `no recipe ${wanted} is known here`, {
    hint: 'portalgun recipe list shows what is; portalgun node sync fetches what is new.',
  });
}

function saysWhatItClaims({ meaning }: Known<'recipe'>): boolean {
  try {
    return parseRecipe(meaning.yaml).digest === meaning.digest;
  } catch (error) {
    if (error instanceof PortalgunError) return false;
    throw error;
  }
}

function isLockOf(lockYaml: string, recipe: CheckedRecipe): boolean {
  try {
    return lockMatches(parseLock(lockYaml), recipe);
  } catch (error) {
    if (error instanceof PortalgunError) return false;
    throw error;
  }
}

function fits(session: Session, { record, meaning }: Known<'recipe'>, wanted: string): boolean {
  if (isDigest(wanted)) return meaning.digest === wanted;
  const match = /^([^/]+)\/([^/@]+)(?:@(.+))?$/.exec(wanted);
  if (!match) return false;
  const [, author, name, version] = match;
  const authorFits = author === record.link.author || author === nameOf(session, record.link.author);
  return authorFits && name === meaning.name && (version === undefined || version === meaning.version);
}

interface OfferedRecipe {
  readonly recipe: string;
  readonly version: string;
  readonly digest: Digest;
  readonly record: Digest;
  /** The private group that it was published in. */
  readonly group?: string;
}

function describe(session: Session, { record, meaning, group }: Known<'recipe'> & { group?: string }): OfferedRecipe {
  return {
    recipe: `${nameOf(session, record.link.author)}/${meaning.name}`,
    version: meaning.version,
    digest: meaning.digest,
    record: record.id,
    ...(group !== undefined && { group }),
  };
}
