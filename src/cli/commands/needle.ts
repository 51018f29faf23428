import path from 'node:path';
import { valueDigest } from '../../recipe/digest.ts';
import { applyToYaml, parseRecipe } from '../../recipe/index.ts';
import type { Operation } from '../../recipe/types.ts';
import { UsageError } from '../../errors.ts';
import { writeFileAtomic } from '../../node/atomic.ts';
import { bytesOf, readNeedle } from '../../workshop/screen/needle-file.ts';
import { recipeNeedleOf } from '../../workshop/screen/recipe-needle.ts';
import { LIMITS } from '../../recipe/index.ts';
import { renderField } from '../../recipe/render-yaml.ts';
import type { Context } from '../context.ts';
import { note, printResult } from '../output.ts';

/** Checks openQA needles, cuts them down to what is compared, and puts them into a recipe, where conditions can name them. */
export async function importNeedles(
  context: Context,
  file: string,
  flags: { into?: string; name?: string },
): Promise<undefined> {
  const { description, picture } = await readNeedle(file);
  for (const warning of description.warnings) note(context, `${file}: ${warning}`);
  const name = flags.name ?? path.basename(file, '.json').toLowerCase();
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
    throw new UsageError('screen/bad-needle-name', `${JSON.stringify(name)} cannot be a needle's name in a recipe`, {
      hint: 'Give it one with --name: lower-case letters, digits, dots, - and _.',
    });
  }
  const needle = recipeNeedleOf(description, picture);
  if (flags.into === undefined) {
    printResult(context, { name, needle }, () => renderField('needles', { [name]: needle }, 0).trimEnd());
    return undefined;
  }
  const into = flags.into;
  const before = parseRecipe(new TextDecoder().decode(await bytesOf(into, LIMITS.MAX_SOURCE_BYTES)), into);
  const { needles } = before.recipe;
  const old = needles !== undefined && Object.hasOwn(needles, name) ? needles[name] : undefined;
  const operation: Operation =
    needles === undefined
      ? { op: 'set', path: ['needles'], was: null, value: { [name]: needle } }
      : { op: 'set', path: ['needles', name], was: old === undefined ? null : valueDigest(old), value: needle };
  const text = applyToYaml(before.source, [operation]);
  const after = parseRecipe(text, into);
  await writeFileAtomic(into, text, 0o644);
  printResult(context, { name, needle, file: into, digest: after.digest }, () => [
    `${into} has the needle ${name}${old === undefined ? '' : ' (in place of the one it had)'}. Name it in a condition:`,
    `  when: { needle: ${name} }`,
  ]);
  return undefined;
}
