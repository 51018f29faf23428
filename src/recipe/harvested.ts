/** Steps that wait blindly, and the recipe with others in their place. Pure. */
import { servedBy } from './conditions.ts';
import { beginningOf } from './echo.ts';
import { keeping } from './fixed.ts';
import { rewriteYaml } from './layout.ts';
import { parseRecipe } from './parse.ts';
import type { Act, CheckedRecipe, Output, Step } from './types.ts';

/** The first run of blind steps in a recipe: `from` up to and without `to`. */
export interface HarvestPlan {
  readonly from: number;
  readonly to: number;
  /** All others. */
  readonly kept: readonly Step[];
  /** The recipe with the steps before them alone, to be done first; absent where there are none. */
  readonly leading: CheckedRecipe | undefined;
}

export function harvestPlan(checked: CheckedRecipe, isBlind: (step: Step) => boolean): HarvestPlan | undefined {
  const { recipe, source } = checked;
  const from = recipe.steps.findIndex(isBlind);
  if (from < 0) return undefined;
  const length = recipe.steps.slice(from).findIndex((step) => !isBlind(step));
  const to = length < 0 ? recipe.steps.length : from + length;
  const before = recipe.steps.slice(0, from);
  const { outputs: _outputs, personalise: _personalise, provides: _provides, ...alone } = recipe;
  return {
    from,
    to,
    kept: [...before, ...recipe.steps.slice(to)],
    leading: from === 0 ? undefined : parseRecipe(rewriteYaml(source, { ...alone, steps: before }), recipe.name),
  };
}

/** Throws `recipe/invalid` where they make no recipe. `outputs` where the recipe has none. */
export function withHarvest(
  checked: CheckedRecipe,
  { from, to }: HarvestPlan,
  harvested: readonly Step[],
  outputs: readonly Output[],
): CheckedRecipe {
  const { recipe, source } = checked;
  const next = recipe.steps[to];
  const last = harvested.at(-1);
  // A step that nothing new confirms is confirmed by what the next one waits for.
  const vain =
    last?.expect !== undefined && 'changed' in last.expect && next !== undefined && beginningOf(next) !== undefined;
  const { expect: _expect, ...bare } = last ?? { id: '' };
  const confirmed = vain ? [...harvested.slice(0, -1), bare] : harvested;
  // What was served is served again, before anything is done.
  const serves = servedBy(recipe.steps.slice(from, to)).map((serve): Act => ({ serve }));
  const steps = confirmed.map((step, at) =>
    at > 0 || serves.length === 0 ? step : { ...step, do: [...serves, ...(step.do ?? [])] },
  );
  const value = {
    ...recipe,
    steps: [...recipe.steps.slice(0, from), ...steps, ...recipe.steps.slice(to)],
    ...keeping(recipe, outputs),
  };
  return parseRecipe(rewriteYaml(source, value), recipe.name);
}
