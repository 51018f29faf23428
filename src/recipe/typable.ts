/** Which layout each step types on, and what it cannot type there. Pure, because a layout never depends on a branch. */
import { actsOf } from './conditions.ts';
import { DEFAULT_KEYBOARD, untypable, type KeyboardName } from './keyboards.ts';
import { placeholdersCut, placeholdersIn } from './placeholders.ts';
import type { Act, Recipe, Step } from './types.ts';

type Part = 'steps' | 'personalise';

/**
 * The layout that the guest has when step `index` of the part begins. An installed system is taken to have the one that its
 * installation ended with.
 */
export function keyboardAt(recipe: Recipe, part: Part, index: number): KeyboardName {
  const before = (recipe[part] ?? []).slice(0, index).flatMap(actsOf);
  const installing = part === 'personalise' ? recipe.steps.flatMap(actsOf) : [];
  return layoutAfter([...installing, ...before], recipe.machine.keyboard ?? DEFAULT_KEYBOARD);
}

function layoutAfter(acts: readonly Act[], before: KeyboardName): KeyboardName {
  return acts.reduce((layout, act) => ('layout' in act ? act.layout : layout), before);
}

export interface Untypable {
  readonly step: Step;
  /** Place of the step in its part. */
  readonly index: number;
  /** In words; names the character. */
  readonly why: string;
}

/** Every text of a part that its layout cannot type. What placeholders stand for is not known here, and left out. */
export function untypableTexts(recipe: Recipe, part: Part): Untypable[] {
  return typedTexts(recipe, part).flatMap(({ text, layout, ...where }) => {
    const why = untypable(layout, placeholdersCut(text));
    return why === undefined ? [] : [{ ...where, why }];
  });
}

/** The layouts on which a secret is typed that have no key for something in it. */
export function cannotTypeSecret(recipe: Recipe, name: string, value: string): KeyboardName[] {
  const typed = typedTexts(recipe, 'personalise').filter(({ text }) => placeholdersIn(text).includes(name));
  const layouts = new Set(typed.map(({ layout }) => layout));
  return [...layouts].filter((layout) => untypable(layout, value) !== undefined);
}

interface TypedText {
  readonly step: Step;
  readonly index: number;
  readonly text: string;
  readonly layout: KeyboardName;
}

function typedTexts(recipe: Recipe, part: Part): TypedText[] {
  return (recipe[part] ?? []).flatMap((step, index) => {
    const acts = actsOf(step);
    return acts.flatMap((act, at): TypedText[] =>
      'type' in act
        ? [{ step, index, text: act.type, layout: layoutAfter(acts.slice(0, at), keyboardAt(recipe, part, index)) }]
        : [],
    );
  });
}
