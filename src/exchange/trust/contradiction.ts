/**
 * Whether two patches of one recipe might contradict each other, told from their operations alone: a voice is heard where
 * the recipe is not at hand. Never less than what merging them finds (src/recipe/merge.ts); where it is more, the person is
 * asked once too often.
 */
import type { Operation } from '../../recipe/types.ts';

export interface Touched {
  /** What is done at each place, in order. */
  readonly places: ReadonlyMap<string, string>;
  readonly wholeParts: ReadonlySet<string>;
  readonly steps: boolean;
  readonly inserts: boolean;
  readonly removes: boolean;
  readonly moves: boolean;
}

export function mayConflict(a: readonly Operation[], b: readonly Operation[]): boolean {
  return mayMeet(touchedBy(a), touchedBy(b));
}

export function mayMeet(ours: Touched, theirs: Touched): boolean {
  // Which neighbours a new step has, and which steps one is moved past, is not in the operations.
  if ((ours.moves && theirs.steps) || (theirs.moves && ours.steps)) return true;
  if ((ours.removes && theirs.inserts) || (theirs.removes && ours.inserts)) return true;
  return partsMeet(ours, theirs) || partsMeet(theirs, ours) || placesMeet(ours, theirs);
}

function placesMeet(ours: Touched, theirs: Touched): boolean {
  return [...ours.places].some(([place, done]) => {
    const other = theirs.places.get(place);
    return other !== undefined && other !== done;
  });
}

function partsMeet({ wholeParts }: Touched, { places }: Touched): boolean {
  return [...wholeParts].some((part) => [...places.keys()].some((place) => place.startsWith(`${part}.`)));
}

/** Parts whose entries are patched apart; of any other, one change is a change of all. */
const BY_ENTRY: readonly string[] = ['media', 'params', 'needles', 'machine', 'reproducible', 'defaults'];

export function touchedBy(operations: readonly Operation[]): Touched {
  const places = new Map<string, string>();
  const wholeParts = new Set<string>();
  /** Where the run of new steps begins that a new step stands in. */
  const begins = new Map<string, string>();
  const removed = new Set(operations.flatMap((operation) => (operation.op === 'remove-step' ? [operation.id] : [])));
  const does = (op: Operation['op']): boolean => operations.some((operation) => operation.op === op);
  for (const operation of operations) {
    if (operation.op === 'insert-step') {
      const after = operation.after ?? '';
      begins.set(operation.step.id, begins.get(after) ?? after);
    }
    for (const place of placesOf(operation, begins))
      places.set(place, `${places.get(place) ?? ''}${JSON.stringify(operation)}\n`);
    if (operation.op === 'set' && operation.path.length === 1) wholeParts.add(operation.path[0] ?? '');
  }
  return {
    places,
    wholeParts,
    steps: [...places.keys()].some((place) => place.startsWith('step ')),
    inserts: does('insert-step'),
    removes: does('remove-step'),
    // What is taken away and put in again is moved too.
    moves: does('move-step') || [...begins.keys()].some((id) => removed.has(id)),
  };
}

function placesOf(operation: Operation, begins: ReadonlyMap<string, string>): string[] {
  switch (operation.op) {
    case 'insert-step':
      return [`step ${operation.step.id}`, `after ${begins.get(operation.step.id) ?? ''}`];
    case 'set': {
      const [part = '', entry = ''] = operation.path;
      if (part === 'steps') return [`step ${entry}`];
      return [BY_ENTRY.includes(part) && operation.path.length > 1 ? `${part}.${entry}` : part];
    }
    default:
      return [`step ${operation.id}`];
  }
}
