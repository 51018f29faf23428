/** Which layout each step types on, and what it cannot type there. Pure, because a layout never depends on a branch. */
import { actsOf } from './conditions.ts';
import { DEFAULT_KEYBOARD, untypable, type KeyboardName } from './keyboards.ts';
import { chordOf, KEY_NAMES } from './keys.ts';
import { placeholdersCut, placeholdersIn } from './placeholders.ts';
import { didYouMean, printable } from './problems.ts';
import type { Act, Recipe, Step } from './types.ts';

type Part = 'steps' | 'personalise';

/**
 * The layout that the guest has when step `index` of the part begins. An installed system is taken to have the one that its
 * installation ended with.
 */
export function keyboardAt(recipe: Recipe, part: Part, index: number): KeyboardName {
  const before = (recipe[part] ?? []).slice(0, index).flatMap(actsOf);
  const installing = part === 'personalise' ? recipe.steps.flatMap(actsOf) : [];
  return layoutAfter([...installing, ...before], recipe.machine?.keyboard ?? DEFAULT_KEYBOARD);
}

function layoutAfter(acts: readonly Act[], before: KeyboardName): KeyboardName {
  return acts.reduce((layout, act) => ('layout' in act ? act.layout : layout), before);
}

export interface Untypable {
  readonly step: Step;
  /** Place of the step in its part. */
  readonly index: number;
  /** In words; names the character, or the key. */
  readonly why: string;
}

/**
 * Every text and key of a part that its layout does not have. What placeholders stand for is not known here, and left out.
 */
export function untypableActs(recipe: Recipe, part: Part): Untypable[] {
  return laidOut(recipe, part).flatMap(({ act, layout, ...where }): Untypable[] => {
    const text = 'type' in act ? untypable(layout, placeholdersCut(act.type)) : undefined;
    const key = keysOf(act).find((name) => chordOf(name, layout) === undefined);
    if (text !== undefined) return [{ ...where, why: text }];
    if (key === undefined) return [];
    return [
      { ...where, why: `there is no key ${printable(key)} on the layout "${layout}"${didYouMean(key, KEY_NAMES)}` },
    ];
  });
}

/** The layouts on which a secret is typed that have no key for something in it. */
export function cannotTypeSecret(recipe: Recipe, name: string, value: string): KeyboardName[] {
  const layouts = laidOut(recipe, 'personalise').flatMap(({ act, layout }) =>
    'type' in act && placeholdersIn(act.type).includes(name) ? [layout] : [],
  );
  return [...new Set(layouts)].filter((layout) => untypable(layout, value) !== undefined);
}

function keysOf(act: Act): readonly string[] {
  if ('key' in act) return [act.key];
  if ('keys' in act) return act.keys;
  if ('hold' in act) return [act.hold];
  return 'release' in act ? [act.release] : [];
}

/** Every act with the layout that it is done on. */
function laidOut(
  recipe: Recipe,
  part: Part,
): { readonly step: Step; readonly index: number; readonly act: Act; readonly layout: KeyboardName }[] {
  return (recipe[part] ?? []).flatMap((step, index) => {
    const acts = actsOf(step);
    const before = keyboardAt(recipe, part, index);
    return acts.map((act, at) => ({ step, index, act, layout: layoutAfter(acts.slice(0, at), before) }));
  });
}
