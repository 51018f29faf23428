/**
 * What a change touches, as a set of claims about places of the recipe that it was made against. It depends on the
 * recipe before and the recipe after alone, not on how the operations got from one to the other, and what two changes
 * that do not contradict each other touch together is what each of them touches: so merging (merge.ts) is the same in
 * any order and in any parts.
 */
import { isDeepStrictEqual } from 'node:util';
import { digestOf } from '../crypto/canonical.ts';
import { movedSteps } from './classify.ts';
import { partDifferences, type PartDifference } from './diff.ts';
import { stepDigest } from './digest.ts';
import { renderInline } from './render-yaml.ts';
import { describeStep } from './step-changes.ts';
import type { Recipe, Step } from './types.ts';

export interface Footprint {
  /** What each step that is touched becomes, by id; null: it goes. */
  readonly steps: ReadonlyMap<string, Step | null>;
  /** Steps put in where there were none, by the id of the step before them that stays; null: in the first place. */
  readonly gaps: ReadonlyMap<string | null, readonly string[]>;
  /** Ids of all steps in their new order, where steps that stay are in another one. */
  readonly order: readonly string[] | undefined;
  /** Everything but steps. */
  readonly parts: readonly PartDifference[];
  /** Who makes the same claim agrees. */
  readonly claims: readonly Claim[];
}

export interface Claim {
  /** `step language`, `machine.memory`, `after language`, `order of the steps`. */
  readonly place: string;
  /** Two of one place that differ contradict each other. */
  readonly value: string;
  /** The same for people, who choose between two of one place. */
  readonly words: string;
  /** The part that the place is an entry of; who replaces all of it contradicts this. */
  readonly within?: string;
}

/** What `value` says of a step that goes. */
export const GONE = 'gone';
/** What a change says of the neighbours of what it puts in: whatever they become, they must not go. */
export const STAYS = 'stays';
export const ORDER_PLACE = 'the order of the steps';
/** What a change says of the order when it puts in or takes away, but moves nothing. */
export const SAME_ORDER = 'as it was';

export function footprintOf(before: Recipe, after: Recipe): Footprint {
  const { order, touched } = reordered(before.steps, after.steps);
  const is = new Map(after.steps.map((step) => [step.id, step]));
  const steps = new Map<string, Step | null>();
  for (const step of before.steps) {
    const now = is.get(step.id);
    if (now === undefined) steps.set(step.id, null);
    else if (touched.has(step.id) || !isDeepStrictEqual(step, now)) steps.set(step.id, now);
  }
  const { gaps, neighbours } = putIn(before.steps, after.steps);
  const gapOf = new Map([...gaps].flatMap(([previous, ids]) => ids.map((id) => [id, gapPlace(previous)])));
  for (const id of gapOf.keys()) steps.set(id, is.get(id) ?? null);
  const parts = partDifferences(before, after);
  const shape = gaps.size > 0 || [...steps.values()].includes(null);
  const claims: Claim[] = [
    ...[...steps].map(([id, step]): Claim => {
      const where = order === undefined ? gapOf.get(id) : undefined;
      return {
        place: `step ${id}`,
        value: step === null ? GONE : [stepDigest(step), where ?? ''].join(' '),
        words: step === null ? GONE : [...(where === undefined ? [] : [where]), describeStep(step)].join(': '),
      };
    }),
    ...parts.map(({ path, is: value }) => ({
      place: path.join('.'),
      value: value === undefined ? GONE : digestOf(value),
      words: value === undefined ? GONE : renderInline(value),
      ...(path.length > 1 && path[0] !== undefined && { within: path[0] }),
    })),
  ];
  if (order !== undefined) claims.push({ place: ORDER_PLACE, value: JSON.stringify(order), words: order.join(', ') });
  else {
    const added = [...gaps.values()].flat().join(', ');
    if (shape)
      claims.push({ place: ORDER_PLACE, value: SAME_ORDER, words: 'as it was, with steps put in or taken away' });
    for (const [previous, ids] of gaps)
      claims.push({ place: gapPlace(previous), value: JSON.stringify(ids), words: `new: ${ids.join(', ')}` });
    for (const id of neighbours)
      claims.push({ place: `step ${id}`, value: STAYS, words: `stays, beside what is new: ${added}` });
  }
  return { steps, gaps, order, parts, claims };
}

function gapPlace(previous: string | null): string {
  return previous === null ? 'before the first step' : `after step ${previous}`;
}

/** What stands at a place before anything is changed, in the words of a claim; undefined where there is nothing. */
export function wordsOf(recipe: Recipe, place: string): string | undefined {
  if (place === ORDER_PLACE) return recipe.steps.map(({ id }) => id).join(', ');
  const step = recipe.steps.find(({ id }) => place === `step ${id}`);
  if (step !== undefined) return describeStep(step);
  const [part = '', ...entry] = place.split('.');
  const own = (fields: unknown, name: string): unknown =>
    typeof fields === 'object' && fields !== null
      ? Object.entries(fields).find(([key]) => key === name)?.[1]
      : undefined;
  const value = own(recipe, part);
  const found = entry.length === 0 ? value : own(value, entry.join('.'));
  return found === undefined ? undefined : renderInline(found);
}

/** Every step that another one was moved past is touched, for a swap does not say which of the two was moved. */
function reordered(
  before: readonly Step[],
  after: readonly Step[],
): { order: readonly string[] | undefined; touched: ReadonlySet<string> } {
  if (movedSteps(before, after).length === 0) return { order: undefined, touched: new Set() };
  const position = new Map(before.map(({ id }, index) => [id, index]));
  const places = after.flatMap(({ id }) => {
    const place = position.get(id);
    return place === undefined ? [] : [{ id, place }];
  });
  const touched = places.filter(({ place }, index) =>
    places.some((other, at) => (at < index ? other.place > place : other.place < place)),
  );
  return { order: after.map(({ id }) => id), touched: new Set(touched.map(({ id }) => id)) };
}

/** Runs of new steps, and the steps that stay on both sides of each. */
function putIn(
  before: readonly Step[],
  after: readonly Step[],
): { gaps: Map<string | null, string[]>; neighbours: ReadonlySet<string> } {
  const old = new Set(before.map(({ id }) => id));
  const gaps = new Map<string | null, string[]>();
  const neighbours = new Set<string>();
  let previous: string | null = null;
  for (const { id } of after) {
    const run = gaps.get(previous);
    if (!old.has(id)) {
      if (previous !== null) neighbours.add(previous);
      gaps.set(previous, [...(run ?? []), id]);
      continue;
    }
    if (run !== undefined) neighbours.add(id);
    previous = id;
  }
  return { gaps, neighbours };
}
