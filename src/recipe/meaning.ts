/** What the schema cannot say: names that must be known or unique, texts that must compile, kinds that go together. */
import { isExactPath } from './exact-path.ts';
import { fixedValue, isFixedName } from './fixed.ts';
import { MAX_INLINE_FILE_BYTES } from './limits.ts';
import { mediaProblems } from './meaning-media.ts';
import { durationProblem, regexProblem, type Say } from './meaning-texts.ts';
import { areaProblem, needleProblems } from './needles.ts';
import { placeholdersIn } from './placeholders.ts';
import { didYouMean, printable, type Path, type Problem } from './problems.ts';
import { driveOf } from './removable.ts';
import { compileRegex } from './regex.ts';
import { actListsOf, actName, conditionsOf, placesOf, servedBy } from './conditions.ts';
import type { Act, Condition, Drive, Param, Place, Recipe, ServedFile, Step, TextPattern } from './types.ts';

/** Fields beside the kind of an act, and the kinds that they go with. */
const ACT_EXTRAS: readonly (readonly [field: string, kinds: readonly string[]])[] = [
  ['clear', ['type']],
  ['echo', ['type']],
  ['until', ['key']],
  ['at_most', ['key']],
  ['button', ['click', 'double_click']],
];

/** Problems of a recipe that has the right shape. */
export function meaningProblems(recipe: Recipe): Problem[] {
  const problems: Problem[] = [];
  const say = (path: Path, message: string, atKey = false): void => {
    problems.push({ path, message, ...(atKey && { atKey }) });
  };
  mediaProblems(recipe, say);
  machineProblems(recipe, say);
  reproducibleProblems(recipe, say);
  needleProblems(recipe.needles ?? {}, say);
  for (const [name, param] of Object.entries(recipe.params ?? {})) paramProblems(name, param, say);
  (recipe.normalise ?? []).forEach((rule, index) => {
    if (typeof rule === 'string' || isExactPath(rule.path)) return;
    const expected = 'expected one exact path from the root of a file system, such as /etc/fstab';
    say(['normalise', index, 'path'], `found ${printable(rule.path)}, ${expected}`);
  });
  const { backoff, timeout } = recipe.defaults ?? {};
  durationProblem(timeout, ['defaults', 'timeout'], say);
  durationProblem(backoff?.from, ['defaults', 'backoff', 'from'], say);
  durationProblem(backoff?.max, ['defaults', 'backoff', 'max'], say);

  const ids = new Set<string>();
  (recipe.watch ?? []).forEach((watch, index) => {
    uniqueId(ids, watch.id, ['watch', index, 'id'], say);
    conditionProblems(watch.when, ['watch', index, 'when'], recipe, false, say);
  });
  for (const part of ['steps', 'personalise'] as const) {
    (recipe[part] ?? []).forEach((step, index) => {
      uniqueId(ids, step.id, [part, index, 'id'], say);
      stepProblems(step, [part, index], recipe, part === 'personalise', say);
    });
  }
  return problems;
}

function uniqueId(seen: Set<string>, id: string, path: Path, say: Say): void {
  if (seen.has(id)) say(path, `the id "${id}" is used twice; patches go by ids`);
  seen.add(id);
}

/** Each is another way to act: a step has one of them. */
const WAYS_TO_ACT = ['do', 'first_of', 'prompts'] as const;

function stepProblems(step: Step, path: Path, recipe: Recipe, secrets: boolean, say: Say): void {
  const ways = WAYS_TO_ACT.filter((way) => step[way] !== undefined);
  if (!step.when && ways.length === 0 && !step.expect)
    say(path, `the step does nothing and waits for nothing; expected when, expect, ${WAYS_TO_ACT.join(' or ')}`);
  for (const way of ways.slice(1)) say([...path, way], `a step has either ${ways[0]} or ${way}, not both`, true);
  if (step.first_of && step.when) say([...path, 'when'], 'a step has either when or first_of, not both', true);
  if (step.repeat && !step.do) say([...path, 'repeat'], 'repeat needs a do: what is to be done again', true);
  durationProblem(step.timeout, [...path, 'timeout'], say);
  for (const { condition, path: at } of conditionsOf(step))
    conditionProblems(condition, [...path, ...at], recipe, secrets, say);
  for (const { acts, path: at, branch } of actListsOf(step)) {
    acts.forEach((act, index) => {
      const place = [...path, ...at, index];
      actProblems(act, place, recipe, secrets, say);
      if (branch && 'layout' in act) say(place, 'a layout cannot depend on a branch; set it in a step of its own');
      if (branch && ('insert' in act || 'eject' in act))
        say(place, 'what is in a drive cannot depend on a branch; change it in a step of its own');
      if (branch && 'serve' in act)
        say(place, 'what is served cannot depend on a branch; serve it in a step of its own');
    });
  }
}

function conditionProblems(condition: Condition, path: Path, recipe: Recipe, secrets: boolean, say: Say): void {
  durationProblem(condition.timeout, [...path, 'timeout'], say);
  if (condition.progress) {
    regexProblem(condition.progress.text, [...path, 'progress', 'text'], say);
    durationProblem(condition.progress.stall, [...path, 'progress', 'stall'], say);
    placeholderProblems(condition.progress.text, [...path, 'progress', 'text'], recipe, secrets, say);
  }
  if ('still' in condition) durationProblem(condition.still, [...path, 'still'], say);
  if ('text' in condition) patternProblems(condition.text, [...path, 'text'], recipe, secrets, say);
  if ('serial' in condition) patternProblems(condition.serial, [...path, 'serial'], recipe, secrets, say);
  if ('needle' in condition) needleNameProblem(condition.needle, [...path, 'needle'], recipe, say);
  if ('ocr' in condition) {
    placeholderProblems(condition.ocr.text, [...path, 'ocr', 'text'], recipe, secrets, say);
    areaProblem(condition.ocr.area, [...path, 'ocr', 'area'], say);
  }
  if ('fetched' in condition) fetchedProblem(condition.fetched, [...path, 'fetched'], recipe, say);
  if ('gone' in condition) conditionProblems(condition.gone, [...path, 'gone'], recipe, secrets, say);
  if ('not' in condition) conditionProblems(condition.not, [...path, 'not'], recipe, secrets, say);
  for (const kind of ['any', 'all'] as const) {
    const parts = (condition as { readonly any?: readonly Condition[]; readonly all?: readonly Condition[] })[kind];
    parts?.forEach((part, index) => conditionProblems(part, [...path, kind, index], recipe, secrets, say));
  }
}

/** A recipe with a base may wait for the base's files: what it serves on a machine that runs on, it serves here too. */
function fetchedProblem(file: string, path: Path, recipe: Recipe, say: Say): void {
  if (recipe.base !== undefined) return;
  const known = servedBy([...recipe.steps, ...(recipe.personalise ?? [])]).map((served) => served.file);
  if (known.includes(file)) return;
  const offer = known.length === 0 ? '; the recipe serves none' : `; it serves ${known.join(', ')}`;
  say(path, `the recipe serves no file ${printable(file)}${didYouMean(file, known) || offer}`);
}

/** A recipe with a base may name the base's needles: only with it at hand can it be told. */
function needleNameProblem(name: string, path: Path, recipe: Recipe, say: Say): void {
  const known = Object.keys(recipe.needles ?? {});
  if (known.includes(name) || recipe.base !== undefined) return;
  const offer = known.length === 0 ? '; `portalgun needle import` puts one in' : `; known are ${known.join(', ')}`;
  say(path, `there is no needle ${printable(name)}${didYouMean(name, known) || offer}`);
}

function patternProblems(
  wanted: string | Pick<TextPattern, 'string' | 'regex'>,
  path: Path,
  recipe: Recipe,
  secrets: boolean,
  say: Say,
): void {
  if (typeof wanted === 'string') return placeholderProblems(wanted, path, recipe, secrets, say);
  const { string, regex } = wanted;
  if (string !== undefined) placeholderProblems(string, [...path, 'string'], recipe, secrets, say);
  if (regex === undefined) return;
  regexProblem(regex, [...path, 'regex'], say);
  placeholderProblems(regex, [...path, 'regex'], recipe, secrets, say);
}

function actProblems(act: Act, path: Path, recipe: Recipe, secrets: boolean, say: Say): void {
  for (const [field, kinds] of ACT_EXTRAS) {
    if (field in act && !kinds.some((kind) => kind in act))
      say([...path, field], `"${field}" goes with ${kinds.join(' and ')} only`, true);
  }
  if ('key' in act) {
    if (act.until !== undefined) conditionProblems(act.until, [...path, 'until'], recipe, secrets, say);
    else if (act.at_most !== undefined) say([...path, 'at_most'], '"at_most" needs an "until"', true);
  }
  for (const place of placesOf(act)) {
    const at = [...path, ...pathOfPlace(act, place)];
    if ('text' in place) patternProblems(place.text, [...at, 'text'], recipe, secrets, say);
    if ('needle' in place) needleNameProblem(place.needle, [...at, 'needle'], recipe, say);
  }
  if ('insert' in act || 'eject' in act) driveProblems(act, path, recipe, secrets, say);
  if ('serve' in act) servedProblems(act.serve, [...path, 'serve'], recipe, secrets, say);
  for (const kind of ['type', 'menu', 'check', 'uncheck', 'serial'] as const) {
    const text = (act as Readonly<Record<string, unknown>>)[kind];
    if (typeof text === 'string') placeholderProblems(text, [...path, kind], recipe, secrets, say);
  }
}

/** A recipe with a base may change the media of the machine that it goes on with: with the base at hand it can be told. */
function driveProblems(
  act: Extract<Act, { insert: string } | { eject: Drive }>,
  path: Path,
  recipe: Recipe,
  personal: boolean,
  say: Say,
): void {
  if (personal) return say(path, 'an image that is personalised has its disk alone: there is no drive to change');
  if ('eject' in act || recipe.base !== undefined || driveOf(recipe, act.insert) !== undefined) return;
  const known = Object.keys(recipe.media ?? {}).filter((name) => driveOf(recipe, name) !== undefined);
  const offer = known.length === 0 ? '; no medium has a "drive"' : `; those are ${known.join(', ')}`;
  say(
    [...path, 'insert'],
    `${printable(act.insert)} is no medium with a "drive"${didYouMean(act.insert, known) || offer}`,
  );
}

function servedProblems(
  { content, escape, literal }: ServedFile,
  path: Path,
  recipe: Recipe,
  secrets: boolean,
  say: Say,
) {
  const bytes = Buffer.byteLength(content);
  if (bytes > MAX_INLINE_FILE_BYTES)
    say([...path, 'content'], `the file has ${bytes} bytes, more than ${MAX_INLINE_FILE_BYTES}`);
  if (literal === true) {
    if (escape !== undefined) say([...path, 'escape'], 'a literal file has no placeholders to escape', true);
    return;
  }
  placeholderProblems(content, [...path, 'content'], recipe, secrets, say);
  const has = placeholdersIn(content).length > 0;
  if (has && escape === undefined)
    say(path, 'the file has placeholders: "escape" says how their values are written (json, shell, xml, or none)');
}

function pathOfPlace(act: Act, place: Place): Path {
  if ('drag' in act) return ['drag', place === act.drag.from ? 'from' : 'to'];
  return [actName(act)];
}

function placeholderProblems(text: string, path: Path, recipe: Recipe, secrets: boolean, say: Say): void {
  const params = recipe.params ?? {};
  for (const name of placeholdersIn(text)) {
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    // What a base offers is known once it is resolved (inherit.ts).
    if (param === undefined && recipe.base) continue;
    if (param === undefined && isFixedName(name)) {
      if (fixedValue(recipe, name) === undefined) say(path, `{{${name}}} needs reproducible.${name}`);
    } else if (param === undefined) {
      const known = Object.keys(params);
      const guess =
        didYouMean(name, known) || (known.length > 0 ? `; known are ${known.join(', ')}` : '; params is empty');
      say(path, `{{${printable(name).slice(1, -1)}}} is not a parameter of this recipe${guess}`);
    } else if (param.type === 'secret' && !secrets) {
      say(
        path,
        `the secret {{${name}}} is used outside personalise; a build with a secret in it could never be compared`,
      );
    }
  }
}

function paramProblems(name: string, param: Param, say: Say): void {
  const path = ['params', name];
  if (isFixedName(name)) say(path, `{{${name}}} stands for reproducible.${name}: a parameter has another name`, true);
  if (param.pattern !== undefined) {
    regexProblem(param.pattern, [...path, 'pattern'], say);
    if (param.type !== 'string' && param.type !== 'secret') {
      say([...path, 'pattern'], `a pattern goes with type string or secret, not ${param.type}`, true);
    }
  }
  if (param.default === undefined) return;
  if (param.type === 'secret')
    return say([...path, 'default'], 'a secret has no default: everybody could read it', true);
  const problem = valueProblem(param, param.default);
  if (problem !== undefined) say([...path, 'default'], problem);
}

/** Why a value does not fit a parameter, or undefined. Never names the value of a secret. */
export function valueProblem(param: Param, value: unknown): string | undefined {
  const wanted = param.type === 'secret' ? 'string' : param.type;
  const fits = wanted === 'integer' ? Number.isSafeInteger(value) : typeof value === wanted;
  const shown = param.type === 'secret' ? 'a value' : printable(value);
  if (!fits)
    return `found ${shown}, expected ${wanted === 'string' ? 'a text' : wanted === 'integer' ? 'an integer' : 'true or false'}`;
  if (typeof value !== 'string' || param.pattern === undefined) return undefined;
  const compiled = compileRegex(param.pattern);
  if (!compiled.ok || compiled.regex.matcher(value).matches()) return undefined;
  return `${shown === 'a value' ? 'the value' : shown} does not match the pattern ${printable(param.pattern)}`;
}

/** What makes a machine; a recipe with a base takes it over, and adds disks at most. */
const ADDED_MACHINE_FIELDS: readonly string[] = ['disks', 'kernel_args'];

function machineProblems({ base, machine = {}, media, outputs, requires }: Recipe, say: Say): void {
  if (base) {
    for (const field of Object.keys(machine)) {
      if (!ADDED_MACHINE_FIELDS.includes(field))
        say(['machine', field], `a recipe with a base inherits "${field}" and cannot change it`, true);
    }
  } else if (requires !== undefined) {
    say(['requires'], 'requires goes with a base: it says what that must provide', true);
  }
  const disks = new Set<string>();
  (machine.disks ?? []).forEach(({ id }, index) => uniqueDisk(disks, id, index, say));
  (outputs ?? []).forEach(({ disk }, index) => {
    // With a base the machine is known once it is resolved (inherit.ts).
    if (!base && !disks.has(disk))
      say(['outputs', index, 'disk'], `the machine has no disk "${disk}"${didYouMean(disk, [...disks])}`);
  });
  if (machine.kernel_args !== undefined && media?.['kernel'] === undefined) {
    say(['machine', 'kernel_args'], 'kernel_args needs a kernel among the media', true);
  }
  if (machine.firmware === 'uefi' && machine.arch !== 'x86_64') {
    say(
      ['machine', 'firmware'],
      `uefi goes with arch x86_64, not ${machine.arch}: Debian's 32-bit UEFI is another one`,
    );
  }
  if (machine.display !== undefined && !isResolution(machine.display.resolution)) {
    say(
      ['machine', 'display', 'resolution'],
      `found ${printable(machine.display.resolution)}, expected ${RESOLUTIONS}`,
    );
  }
  for (const name of placeholdersIn(machine.kernel_args ?? '')) {
    say(
      ['machine', 'kernel_args'],
      `{{${printable(name).slice(1, -1)}}}: placeholders are not replaced in the machine`,
    );
  }
}

function reproducibleProblems({ base, media = {}, reproducible = {} }: Recipe, say: Say): void {
  const { source_date_epoch: epoch, clock, environment } = reproducible;
  if (clock === 'fixed' && epoch === undefined)
    say(['reproducible', 'clock'], 'a fixed clock needs a source_date_epoch: the time that it begins at', true);
  // A recipe with a base may go on with the base's kernel.
  if (environment === 'fixed' && base === undefined && media['kernel'] === undefined) {
    const instead = 'where a CD boots, type the variables into its boot menu';
    say(['reproducible', 'environment'], `a fixed environment needs a kernel among the media; ${instead}`, true);
  }
}

const RESOLUTIONS = 'from 640x480 to 2560x1600, the width a multiple of 8';

function isResolution(text: string): boolean {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return width >= 640 && width <= 2560 && width % 8 === 0 && height >= 480 && height <= 1600;
}

function uniqueDisk(disks: Set<string>, id: string, index: number, say: Say): void {
  if (disks.has(id)) say(['machine', 'disks', index, 'id'], `the disk id "${id}" is used twice`);
  disks.add(id);
}
