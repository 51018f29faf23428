import path from 'node:path';
import { buildIn, listBuilds } from '../../node/build-records.ts';
import { connect, type HomeConnection } from '../../node/connect.ts';
import { findBases } from '../../node/recipe-bases.ts';
import { loadRecipe, lockFileOf } from '../../node/recipe-source.ts';
import { writeFileAtomic } from '../../node/atomic.ts';
import {
  describeAct,
  describeCondition,
  describeOperations,
  diffRecipes,
  lintBase,
  lintRecipe,
  type LintFinding,
  parseRecipe,
  recipeTemplate,
  renderRecipe,
  resolveRecipe,
  applyOperations,
  applyToYaml,
  mergePatches,
  classOf,
} from '../../recipe/index.ts';
import { shortDigest, type Digest } from '../../crypto/digest.ts';
import type {
  Base,
  CheckedRecipe,
  MachineSpec,
  Operation,
  Recipe,
  RecipeNeedle,
  Step,
  UrlFile,
} from '../../recipe/types.ts';
import { PortalgunError, RefusedError, UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { columns, folded, note, printResult, table } from '../output.ts';
import { pairs } from '../pairs.ts';
import { readRecipeFile, refuseExisting } from '../recipe-file.ts';

export async function create(context: Context, name: string): Promise<undefined> {
  const file = `${name}.yaml`;
  await refuseExisting(file, 'Choose another name.');
  const text = recipeTemplate(name);
  parseRecipe(text, file);
  await writeFileAtomic(file, text, 0o644);
  printResult(context, { file }, () => `${file} is written. Change it, then: portalgun recipe lint ${file}`);
  return undefined;
}

/** Exit code 2 where the recipe cannot be read, 1 where a finding is an error. */
export async function lint(context: Context, file: string): Promise<number> {
  const checked = parseRecipe(await readRecipeFile(file), file);
  const findings = [...(await baseFindings(context, checked, file)), ...lintRecipe(checked)];
  printResult(context, { file, digest: checked.digest, findings }, () =>
    findings.length === 0
      ? `${file} is in order: ${checked.recipe.steps.length} steps, ${checked.digest}`
      : findings.map(
          ({ severity, line, step, message }) =>
            `${file}:${line}: ${severity}${step === undefined ? '' : ` in ${step}`}: ${message}`,
        ),
  );
  return findings.some(({ severity }) => severity === 'error') ? 1 : 0;
}

/** Whether the recipe fits its base can be told only with the base at hand. */
async function baseFindings(context: Context, checked: CheckedRecipe, file: string): Promise<LintFinding[]> {
  if (checked.recipe.base === undefined) return [];
  try {
    const home = await connect(context.home);
    const source = await loadRecipe(path.resolve(file), home, context.signal);
    const bases = await findBases(source, home, context.signal);
    return lintBase(
      checked,
      bases.map((base) => base.checked),
    );
  } catch (error) {
    if (!(error instanceof PortalgunError) || error.exitCode === 130) throw error;
    return lintBase(checked, error);
  }
}

export async function show(context: Context, reference: string): Promise<undefined> {
  const home = await connect(context.home);
  const { checked, lock } = await loadRecipe(reference, home, context.signal);
  const { recipe } = checked;
  printResult(context, { digest: checked.digest, recipe, locked: lock !== undefined }, () =>
    inWords(checked, lock !== undefined).flatMap((line) => folded(line, columns(context))),
  );
  return undefined;
}

function inWords({ digest, recipe }: CheckedRecipe, locked: boolean): string[] {
  return [
    `${recipe.name} ${recipe.version}${recipe.summary === undefined ? '' : `: ${recipe.summary}`}`,
    `digest  ${digest}${locked ? ', locked' : ''}`,
    ...Object.entries(recipe.media ?? {}).map(([name, medium]) => `medium  ${name}: ${describeMedium(medium)}`),
    ...(recipe.archives ?? []).map(
      ({ url, suite, components }) => `packages of ${suite} (${components.join(', ')}) from ${url}, verified`,
    ),
    ...(recipe.base === undefined ? [] : [`base    ${describeBase(recipe.base)}`]),
    `machine ${describeMachine(recipe)}`,
    ...Object.entries(recipe.needles ?? {}).map(([name, needle]) => `needle  ${name}: ${describeNeedle(needle)}`),
    ...neverRun([...recipe.steps, ...(recipe.personalise ?? [])]),
    '',
    ...recipe.steps.flatMap(describeStep),
    ...(recipe.personalise
      ? [
          '',
          'Afterwards, on this machine only (not part of what is compared):',
          ...recipe.personalise.flatMap(describeStep),
        ]
      : []),
  ];
}

function describeBase({ recipe, digest, at }: Base): string {
  return `${recipe} (${shortDigest(digest)}), going on from ${at === undefined ? 'its end' : `its checkpoint after ${at}`}`;
}

function networkInWords(network: MachineSpec['network'] = 'none'): string {
  return network === 'none' ? 'none' : `${network.allow.join(', ')} alone, through a proxy`;
}

function describeMachine({ base, machine = {} }: Recipe): string {
  const disks = (machine.disks ?? []).map(({ id, size }) => `${id} of ${size}`);
  if (base) return disks.length === 0 ? 'that of the base' : `that of the base, with the disks ${disks.join(', ')}`;
  return `${machine.arch}, ${machine.firmware ?? 'bios'}, ${machine.memory} of memory, network: ${networkInWords(machine.network)}`;
}

/** With what it inherits, and all public parameters bound: what is built, and what is compared. */
export async function resolve(context: Context, reference: string, flags: { param?: string[] }): Promise<undefined> {
  const home = await connect(context.home);
  const source = await loadRecipe(reference, home, context.signal);
  const bases = (await findBases(source, home, context.signal)).map(({ checked }) => checked);
  const resolved = resolveRecipe(source.checked, pairs(flags.param ?? [], '--param'), bases);
  const { digest, recipe, params } = resolved;
  const told = bases.map((base) => ({ recipe: base.recipe.name, version: base.recipe.version, digest: base.digest }));
  printResult(context, { digest, recipe, params, bases: told }, () => [
    `# ${source.checked.recipe.name} resolved: ${digest}`,
    ...told.map((base) => `# based on ${base.recipe} ${base.version}: ${base.digest}`),
    ...Object.entries(params).map(([name, value]) => `# ${name}: ${JSON.stringify(value)}`),
    ...renderRecipe(recipe),
  ]);
  return undefined;
}

/** Its summary, and where on the screen it is looked for. */
function describeNeedle({ summary, areas }: RecipeNeedle): string {
  const places = areas.map(({ at: [x, y, width, height] }) => `${width} by ${height} pixels at ${x}, ${y}`);
  return [...(summary === undefined ? [] : [summary]), places.join('; ')].join(', ');
}

function describeMedium(medium: object): string {
  if ('package' in medium && 'path' in medium)
    return `${String(medium.path)} of Debian’s package ${String(medium.package)}, verified`;
  if ('url' in medium) return describeUrlFile(medium as UrlFile);
  if ('file' in medium) return `the file ${String(medium.file)}`;
  const packages = 'packages' in medium && Array.isArray(medium.packages) ? medium.packages.length : 0;
  return `a read-only disk of verified packages (${packages} named, with what they depend on)`;
}

function describeUrlFile({ url, checksums, signature, signed_by: signedBy, hosts = [] }: UrlFile): string {
  const by =
    signedBy === undefined
      ? 'verified by the digest in the recipe alone'
      : `verified by ${checksums ? `the list ${checksums.url}` : `the signature ${signature}`}, signed by ${signedBy}`;
  return `${url}, ${by}${hosts.length > 0 ? `; redirects may lead to ${hosts.join(', ')}` : ''}`;
}

/** Said before anything else about the steps: whoever builds this may be the first. */
function neverRun(steps: readonly Step[]): string[] {
  const count = steps.filter(({ not_run }) => not_run !== undefined).length;
  return count === 0
    ? []
    : [`NOT RUN ${count} of ${steps.length} steps were never run by the author; they are marked below`];
}

function describeStep(step: Step): string[] {
  const lines = [
    `${step.id}${step.summary === undefined ? '' : `: ${step.summary}`}${step.checkpoint ? '  [checkpoint]' : ''}`,
  ];
  if (step.not_run !== undefined) lines.push(`    NOT RUN: ${step.not_run}`);
  if (step.when) lines.push(`    when ${describeCondition(step.when)}`);
  for (const act of step.do ?? []) lines.push(`    ${describeAct(act)}`);
  if (step.repeat) {
    const { until, at_most: rounds } = step.repeat;
    lines.push(`    again, at most ${rounds} times, until there is ${describeCondition(until)}`);
  }
  for (const { when, do: acts = [], expect } of step.first_of ?? []) {
    lines.push(`    if ${describeCondition(when)}`, ...acts.map((act) => `        ${describeAct(act)}`));
    if (expect) lines.push(`        then expect ${describeCondition(expect)}`);
  }
  for (const { when, do: acts, at_most: times } of step.prompts?.table ?? []) {
    const often = times === undefined ? '' : `, at most ${times} times`;
    lines.push(`    asked ${describeCondition(when)}${often}`, ...acts.map((act) => `        ${describeAct(act)}`));
  }
  if (step.prompts) lines.push(`    until there is ${describeCondition(step.prompts.until)}`);
  if (step.expect) lines.push(`    then expect ${describeCondition(step.expect)}`);
  return lines;
}

export async function diff(context: Context, before: string, after: string): Promise<undefined> {
  const home = await connect(context.home);
  const [a, b] = [await loadRecipe(before, home, context.signal), await loadRecipe(after, home, context.signal)];
  const operations = diffRecipes(a.checked, b.checked);
  const changeClass = operations.length === 0 ? null : classOf(a.checked, operations);
  printResult(context, { base: a.checked.digest, result: b.checked.digest, changeClass, operations }, () =>
    operations.length === 0 ? 'They are the same recipe.' : describeOperations(a.checked, operations),
  );
  return undefined;
}

export async function lock(context: Context, file: string, flags: { update?: boolean }): Promise<undefined> {
  const home = await connect(context.home);
  const source = await loadRecipe(file, home, context.signal);
  if (source.file === undefined)
    throw new UsageError('recipe/not-a-file', 'only a recipe file can be locked', {
      hint: `Get it first: portalgun recipe get ${file}`,
    });
  const bases = await findBases(source, home, context.signal);
  const { resolveLock } = await import('../../node/lock-recipe.ts');
  const { text, changes } = await resolveLock(
    context.home,
    source,
    bases,
    flags.update ?? false,
    context.signal,
    (line) => note(context, line),
  );
  const lockFile = lockFileOf(source.file);
  await writeFileAtomic(lockFile, text, 0o644);
  printResult(context, { file: lockFile, changes }, () => [
    ...changes,
    `${lockFile} is written: share it with the recipe.`,
  ]);
  return undefined;
}

interface Offered {
  readonly recipe: string;
  readonly version: string;
  readonly digest: Digest;
  readonly record: Digest;
  readonly group?: string;
}

export async function list(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  const recipes = await home.call<Offered[]>('recipe.list', {}, context.signal);
  printResult(context, recipes, () =>
    recipes.length === 0
      ? 'Nobody offers a recipe yet. Publish one with: portalgun publish FILE'
      : table(
          ['recipe', 'version', 'digest', 'record', 'group'],
          recipes.map((one) => [
            one.recipe,
            one.version,
            shortDigest(one.digest),
            shortDigest(one.record),
            one.group ?? '',
          ]),
        ),
  );
  return undefined;
}

export async function get(context: Context, name: string, flags: { out?: string }): Promise<undefined> {
  const home = await connect(context.home);
  const found = await home.call<Offered & { yaml: string; lockYaml?: string }>(
    'recipe.get',
    { recipe: name },
    context.signal,
  );
  const file =
    flags.out ??
    `${
      name
        .split('/')
        .at(-1)
        ?.replace(/@.*$/, '')
        .replace(/^sha256:/, 'recipe-') ?? 'recipe'
    }.yaml`;
  await refuseExisting(file, 'Give another name with --out.');
  await writeFileAtomic(file, found.yaml, 0o644);
  if (found.lockYaml !== undefined) await writeFileAtomic(lockFileOf(file), found.lockYaml, 0o644);
  printResult(context, { file, digest: found.digest }, () => `${file} is written (${found.digest}).`);
  return undefined;
}

/** Writes a patch, or several that were made apart, into the person's own file, comments kept. */
export async function apply(
  context: Context,
  patch: string,
  file: string,
  flags: { readonly with?: readonly string[] },
): Promise<undefined> {
  const home = await connect(context.home);
  const before = parseRecipe(await readRecipeFile(file), file);
  const patches: NamedOperations[] = [];
  for (const name of [patch, ...(flags.with ?? [])]) {
    const found = { name, ...(await operationsOf(context, home, name)) };
    if (found.base === before.digest) assertResult(before, found);
    patches.push(found);
  }
  const [only, ...others] = patches;
  const operations = only && others.length === 0 ? only.operations : mergedOperations(before, patches);
  const text = applyToYaml(before.source, operations);
  const after = parseRecipe(text, file);
  const lines = describeOperations(before, operations);
  await writeFileAtomic(file, text, 0o644);
  printResult(context, { file, from: before.digest, to: after.digest }, () => [
    ...lines,
    `${file} is changed: ${after.digest}`,
  ]);
  return undefined;
}

type NamedOperations = Operations & { readonly name: string };

function assertResult(before: CheckedRecipe, { name, operations, result }: NamedOperations): void {
  const { digest } = applyOperations(before, operations);
  if (digest === result) return;
  throw new RefusedError('recipe/wrong-result', `the patch ${name} gives ${digest}, but claims ${result}`, {
    hint: 'Its author published something wrong, or lies. Ask them.',
  });
}

/** All of them, or a refusal that names what they disagree about: the person has named each, so none is left out. */
function mergedOperations(before: CheckedRecipe, patches: readonly NamedOperations[]): readonly Operation[] {
  const merge = mergePatches(
    before,
    patches.map(({ name, operations }) => ({ id: name, operations })),
  );
  const [unfit] = merge.unfit;
  if (unfit) {
    throw new RefusedError('recipe/patch-stale', `the patch ${unfit.id} does not fit this file: ${unfit.reason}`, {
      hint: 'Nothing was applied. Take the others without it.',
    });
  }
  if (merge.conflicts.length === 0) return diffRecipes(before, merge.result);
  const places = merge.conflicts.map(
    ({ place, sides }) => `${place} (${sides.map((side) => side.patches.join(', ')).join(' against ')})`,
  );
  throw new RefusedError('recipe/patches-conflict', `the patches contradict each other: ${places.join('; ')}`, {
    hint: 'Nothing was applied. portalgun inbox show PATCH shows them side by side; take one of them.',
    facts: { conflicts: merge.conflicts },
  });
}

/** Operations of a stored patch record, or of the repairs of one of this home's builds. */
async function operationsOf(context: Context, home: HomeConnection, patch: string): Promise<Operations> {
  const build = buildIn(await listBuilds(context.home), ({ id }) => id === patch, patch);
  if (build) return { operations: build.repairs.flatMap(({ operations }) => operations) };
  return home.call<Operations>('patch.get', { record: patch }, context.signal);
}

interface Operations {
  readonly operations: readonly Operation[];
  /** What a record claims. */
  readonly base?: Digest;
  readonly result?: Digest;
}
