/** The beginning of a recipe that has no steps yet: a machine and its media. A stand-in step keeps it a valid recipe. */
import { UsageError } from '../errors.ts';
import { keeping } from './fixed.ts';
import { rewriteYaml } from './layout.ts';
import { parseRecipe } from './parse.ts';
import { renderField, renderItem } from './render-yaml.ts';
import type { CheckedRecipe, Medium, Output, Step } from './types.ts';

export interface SkeletonParts {
  readonly name: string;
  readonly media: Readonly<Record<string, Medium>>;
  /** `512M`. */
  readonly memory: string;
  readonly kernelArgs?: string;
  readonly disks: readonly { readonly id: string; readonly size: string }[];
}

export interface Skeleton {
  readonly checked: CheckedRecipe;
  /** False where it has no step of its own yet. */
  readonly hasSteps: boolean;
}

const STAND_IN: Step = { id: 'stand-in', expect: { changed: true } };

/** Throws `recipe/invalid` where the parts make no recipe. */
export function skeletonOf({ name, media, memory, kernelArgs, disks }: SkeletonParts): Skeleton {
  const machine = {
    arch: 'x86_64',
    memory,
    ...(disks.length > 0 && { disks }),
    ...(kernelArgs !== undefined && { kernel_args: kernelArgs }),
  };
  const fields = { recipe: 1, name, version: '0.1.0', summary: `${name}, recorded by hand`, media, machine };
  const text = [
    ...Object.entries(fields).map(([key, value]) => renderField(key, value, 0)),
    renderField('defaults', { timeout: '60s', retries: 0 }, 0),
  ];
  return skeletonFrom(text.join(''), `${name}.yaml`);
}

/** A recipe file, with steps or without. */
export function skeletonFrom(source: string, fileName: string): Skeleton {
  if (/^steps:\s*\n?\s+?-/m.test(source)) return { checked: parseRecipe(source, fileName), hasSteps: true };
  const head = source.replace(/^steps:[ \t]*(\[\s*\]|null|~)?[ \t]*(#.*)?$/m, '').trimEnd();
  return { checked: parseRecipe(`${head}\n\nsteps:\n${renderItem(STAND_IN, 2)}`, fileName), hasSteps: false };
}

/** The recipe with these steps at its end; `image` is kept of a machine that they switch off. Throws `recipe/invalid`. */
export function withSteps(
  { checked, hasSteps }: Skeleton,
  steps: readonly Step[],
  outputs: readonly Output[],
): CheckedRecipe {
  const { recipe, source } = checked;
  if (steps.length === 0) {
    throw new UsageError('record/nothing', 'nothing was recorded', { hint: 'Do something that the screen shows.' });
  }
  const value = {
    ...recipe,
    steps: [...(hasSteps ? recipe.steps : []), ...steps],
    ...keeping(recipe, outputs),
  };
  return parseRecipe(rewriteYaml(source, value), `${recipe.name}.yaml`);
}
