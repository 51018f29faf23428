/** Binding parameters: public ones into the recipe that is built and compared, secrets only at the very end. */
import { UsageError } from '../errors.ts';
import { digestOf } from '../crypto/canonical.ts';
import type { Digest } from '../crypto/digest.ts';
import { isSafeLine } from '../crypto/text.ts';
import { recipeDigest } from './digest.ts';
import { fixedValue } from './fixed.ts';
import { beginningIn, inheritanceProblems, unknownPlaceholders, withInheritance } from './inherit.ts';
import { MAX_LINE_LENGTH } from './limits.ts';
import { basesOf } from './lineage.ts';
import { valueProblem } from './meaning.ts';
import { deepFreeze } from './freeze.ts';
import { fillStep, placeholdersIn } from './placeholders.ts';
import { didYouMean, printable } from './problems.ts';
import { cannotTypeSecret, untypableActs } from './typable.ts';
import type { Base, Beginning, CheckedRecipe, Param, Recipe, ResolvedRecipe, Step, WholeRecipe } from './types.ts';

export type ParamValue = string | number | boolean;

/**
 * Every public parameter bound, by the given values or its default, and what a base passes on taken over. `given` may
 * hold text for every type, as a command line does. The resolved recipe has no `params` but its secrets, so that two ways
 * to the same values are one recipe. `bases`: the recipe that it is based on, the one that that is based on, and so on.
 * Throws UsageError `recipe/bad-parameter` naming every parameter that is unknown, missing or does not fit,
 * `recipe/untypable` where a text, with its parameters, or a key is not to be had on its step's layout,
 * `recipe/base-missing`, `recipe/wrong-base` and `recipe/base-does-not-fit`.
 */
export function resolveRecipe(
  checked: CheckedRecipe,
  given: Readonly<Record<string, ParamValue>> = {},
  bases: readonly CheckedRecipe[] = [],
): ResolvedRecipe {
  const { recipe } = checked;
  const inherited = recipe.base ? offeredBy(recipe.base, bases) : {};
  const declared = Object.entries(recipe.params ?? {});
  const open = declared.filter(([, param]) => param.type !== 'secret');
  const secret = declared.filter(([, param]) => param.type === 'secret');
  const problems = unknownNames(
    given,
    [...open.map(([name]) => name), ...Object.keys(inherited)],
    secret.map(([name]) => name),
  );
  for (const [name] of declared)
    if (Object.hasOwn(inherited, name))
      problems.push(`${name}: the base has a parameter of that name, which is inherited`);
  const params: Record<string, ParamValue> = {};
  for (const [name, param] of open) {
    const value = Object.hasOwn(given, name) ? typed(param, given[name]) : param.default;
    const problem = value === undefined ? 'it is missing, and has no default' : unfit(param, value);
    if (problem !== undefined)
      problems.push(`${name}${param.summary === undefined ? '' : ` (${param.summary})`}: ${problem}`);
    else if (value !== undefined) params[name] = value;
  }
  refuse(recipe.name, problems);
  const base = recipe.base && beginningOf(recipe, recipe.base, only(given, Object.keys(inherited)), bases);
  const all = { ...base?.resolved.params, ...params };
  const bound = bindPublic(wholeRecipe(recipe, base), all, Object.fromEntries(secret));
  refuseUntypable(bound);
  return {
    recipe: deepFreeze(bound),
    of: checked,
    digest: base === undefined ? recipeDigest(bound) : digestOf({ ...bound, base: sourceOf(base) }),
    params: Object.freeze(all),
    ...(base && { base }),
  } as ResolvedRecipe;
}

/** The same parameters for a changed version of the recipe: what a repair leads to. Throws as `resolveRecipe` does. */
export function resolveChanged(resolved: ResolvedRecipe, changed: CheckedRecipe): ResolvedRecipe {
  const bound = resolved.of.recipe.base?.params ?? {};
  const given = Object.fromEntries(Object.entries(resolved.params).filter(([name]) => !Object.hasOwn(bound, name)));
  return resolveRecipe(changed, given, basesOf(resolved));
}

/**
 * Digest of what is done, whatever it is called and whatever is compared afterwards: the resolved recipe without its name,
 * version, summary and normaliser rules. Two builds with one of these did the same.
 */
export function workDigest({ recipe, base }: ResolvedRecipe): Digest {
  const { name: _name, version: _version, summary: _summary, normalise: _rules, ...work } = recipe;
  return digestOf(base === undefined ? work : { ...work, base: sourceOf(base) });
}

/** Public parameters of a base that it has not bound itself, and that are not bound here. */
function offeredBy(base: Base, [parent, ...further]: readonly CheckedRecipe[]): Readonly<Record<string, Param>> {
  if (parent === undefined) {
    throw new UsageError('recipe/base-missing', `the base ${base.recipe} (${base.digest}) is not at hand.`, {
      hint: 'Put its file beside the recipe, or get it: portalgun recipe list shows what is stored here.',
      facts: { recipe: base.recipe, digest: base.digest },
    });
  }
  const { name } = parent.recipe;
  if (parent.digest !== base.digest || name !== base.recipe.split('/').at(-1)) {
    throw new UsageError(
      'recipe/wrong-base',
      `The recipe is based on ${base.recipe} with the digest ${base.digest}, not on ${name} with ${parent.digest}.`,
      {
        hint: 'If the base was changed on purpose, write its new digest into base.digest: the steps here must fit it.',
        facts: { recipe: base.recipe, digest: base.digest, found: parent.digest },
      },
    );
  }
  const own = Object.entries(parent.recipe.params ?? {}).filter(([, { type }]) => type !== 'secret');
  const all = { ...(parent.recipe.base && offeredBy(parent.recipe.base, further)), ...Object.fromEntries(own) };
  return Object.fromEntries(Object.entries(all).filter(([param]) => !Object.hasOwn(base.params ?? {}, param)));
}

function beginningOf(
  recipe: Recipe,
  base: Base,
  given: Readonly<Record<string, ParamValue>>,
  [parent, ...further]: readonly CheckedRecipe[],
): Beginning {
  if (parent === undefined) throw new TypeError('a base that offers parameters is at hand');
  const resolved = resolveRecipe(parent, { ...given, ...base.params }, further);
  const beginning = beginningIn(recipe, resolved);
  const problems =
    'problem' in beginning
      ? [beginning.problem]
      : [...inheritanceProblems(recipe, beginning), ...unknownPlaceholders(recipe, resolved)];
  if (problems.length === 0 && !('problem' in beginning)) return beginning;
  throw new UsageError(
    'recipe/base-does-not-fit',
    `${recipe.name} does not fit its base ${base.recipe}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    { hint: '`portalgun recipe show` tells what the base has and provides.', facts: { problems } },
  );
}

function wholeRecipe(recipe: Recipe, base: Beginning | undefined): WholeRecipe {
  if (base) return withInheritance(recipe, base);
  const { machine } = recipe;
  if (machine?.arch === undefined || machine.memory === undefined)
    throw new TypeError('a checked recipe has a machine');
  return { ...recipe, machine: { ...machine, arch: machine.arch, memory: machine.memory } };
}

/** What of the base decides the result: not what it is called, but what it does with these parameters, and how far. */
function sourceOf({ resolved, after }: Beginning): { readonly digest: Digest; readonly after: string } {
  return { digest: resolved.digest, after };
}

function only<T>(values: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}

/** The step as its author wrote it: what patches and symptoms name by digest. Undefined for an id that is not there. */
export function originalStep(resolved: ResolvedRecipe, id: string): Step | undefined {
  const { steps, personalise = [] } = resolved.of.recipe;
  return [...steps, ...personalise].find((step) => step.id === id);
}

export interface BoundSecrets {
  /** `personalise` with every secret in it. Never log, store, hash or send these. */
  readonly steps: readonly Step[];
  /** The text with every secret replaced, for whatever is shown or kept. */
  readonly mask: (text: string) => string;
}

/** Names of the secrets that `personalise` uses, in the order of the recipe. */
export function secretsNeeded(resolved: ResolvedRecipe): string[] {
  const used = new Set(placeholdersIn(JSON.stringify(resolved.recipe.personalise ?? [])));
  return Object.keys(resolved.recipe.params ?? {}).filter((name) => used.has(name));
}

/** Throws UsageError `recipe/bad-parameter` naming what is missing or does not fit; never says a value. */
export function bindSecrets(resolved: ResolvedRecipe, given: Readonly<Record<string, string>>): BoundSecrets {
  const declared = resolved.recipe.params ?? {};
  const problems = unknownNames(given, Object.keys(declared), []);
  for (const name of secretsNeeded(resolved)) {
    const param = declared[name];
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const problem = value === undefined || value === '' ? 'it is missing' : param && unfit(param, value);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
    else if (value !== undefined) {
      // Not which character: what is wrong with a secret may not tell it.
      for (const layout of cannotTypeSecret(resolved.recipe, name, value))
        problems.push(`${name}: it holds a character that the keyboard layout "${layout}" cannot type`);
    }
  }
  refuse(resolved.recipe.name, problems);
  const steps = (resolved.recipe.personalise ?? []).map((step) =>
    fillStep(step, (name) => (Object.hasOwn(given, name) ? given[name] : undefined)),
  );
  // Longest first: a secret may contain another one.
  const values = Object.values(given)
    .filter((value) => value !== '')
    .sort((a, b) => b.length - a.length);
  return { steps, mask: (text) => values.reduce((masked, value) => masked.replaceAll(value, '•••'), text) };
}

function bindPublic(
  recipe: WholeRecipe,
  params: Readonly<Record<string, ParamValue>>,
  secrets: Readonly<Record<string, Param>>,
): WholeRecipe {
  const values = (name: string): string | undefined =>
    Object.hasOwn(params, name) ? String(params[name]) : fixedValue(recipe, name);
  const { params: _params, ...rest } = recipe;
  return {
    ...rest,
    ...(Object.keys(secrets).length > 0 && { params: secrets }),
    ...(recipe.watch && {
      watch: recipe.watch.map((watch) => ({
        ...watch,
        when: fillStep({ id: watch.id, when: watch.when }, values).when ?? watch.when,
      })),
    }),
    steps: recipe.steps.map((step) => fillStep(step, values)),
    ...(recipe.personalise && { personalise: recipe.personalise.map((step) => fillStep(step, values)) }),
  };
}

function unknownNames(
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
  secrets: readonly string[],
): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) =>
      secrets.includes(name)
        ? `${name}: it is a secret, which is asked for when the image is personalised`
        : `${printable(name).slice(1, -1)}: this recipe has no such parameter${didYouMean(name, known) || (known.length > 0 ? `; it has ${known.join(', ')}` : '')}`,
    );
}

/** A command line has text only: "5" is an integer, and "true" a boolean, where the parameter is one. */
function typed(param: Param, value: ParamValue | undefined): ParamValue | undefined {
  if (typeof value !== 'string') return value;
  if (param.type === 'integer' && /^-?(0|[1-9][0-9]{0,15})$/.test(value)) return Number(value);
  if (param.type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}

/** What is typed must be one line that a keyboard can type; and `{{` in a value would be read as a placeholder later. */
function unfit(param: Param, value: ParamValue): string | undefined {
  const problem = valueProblem(param, value);
  if (problem !== undefined || typeof value !== 'string') return problem;
  if (!isSafeLine(value, MAX_LINE_LENGTH))
    return `the value is not one line of at most ${MAX_LINE_LENGTH} ordinary characters`;
  return value.includes('{{') && param.type !== 'secret' ? 'the value holds "{{"' : undefined;
}

function refuseUntypable(recipe: Recipe): void {
  const [first] = [...untypableActs(recipe, 'steps'), ...untypableActs(recipe, 'personalise')];
  if (first === undefined) return;
  throw new UsageError(
    'recipe/untypable',
    `The step ${first.step.id} of ${recipe.name} cannot be typed: ${first.why}.`,
    {
      hint: 'Set machine.keyboard, or a layout in a step before it, to what the guest has; or put the text in a file on a disk of packages.',
    },
  );
}

function refuse(name: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new UsageError(
    'recipe/bad-parameter',
    `The parameters do not fit ${name}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    {
      hint: '`portalgun recipe show` lists what a recipe asks for.',
      facts: { problems },
    },
  );
}
