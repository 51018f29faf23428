/** One thing that differs between two recipes, and how far it reaches. */
import type { ChangeClass } from './types.ts';

export interface Change {
  readonly class: ChangeClass;
  /** `step command-line`, `media`, `machine.memory`. */
  readonly where: string;
  /** What changed and why that is its class, in plain words, without a full stop. */
  readonly reason: string;
  /** What was there and what is there now, in words; absent where there is nothing. */
  readonly before?: string;
  readonly after?: string;
}

/** Least to most. */
const ORDER: readonly ChangeClass[] = ['wording', 'choices', 'sends', 'authority'];

export function higherClass(a: ChangeClass, b: ChangeClass): ChangeClass {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

/** The highest class; `wording` of nothing at all. */
export function highestClass(changes: readonly { readonly class: ChangeClass }[]): ChangeClass {
  return changes.reduce<ChangeClass>((highest, change) => higherClass(highest, change.class), 'wording');
}

/** What each class means, for people. */
export const CLASS_WORDS: Readonly<Record<ChangeClass, string>> = {
  wording: 'what is looked for',
  choices: 'which entry or key is chosen',
  sends: 'what is sent into the guest',
  authority: 'what the build may be trusted with',
};
