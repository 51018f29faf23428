/**
 * Media that steps put into the machine's drives and take out. Which one is in which drive after a step follows from the steps
 * before it alone, for neither act can stand in a branch: so a machine that is restored finds in its drives what was there.
 */
import { actsOf } from './conditions.ts';
import type { Drive, Recipe, Step } from './types.ts';

export const DRIVES: readonly Drive[] = ['cd', 'floppy'];

/** What a machine begins with in its CD drive. */
export const BOOT_DISC = 'iso';

/** The drive that a medium goes into; `undefined` for a medium that no step can insert. */
export function driveOf(recipe: Recipe, medium: string): Drive | undefined {
  const found = Object.hasOwn(recipe.media ?? {}, medium) ? recipe.media?.[medium] : undefined;
  if (found === undefined || 'layout' in found) return undefined;
  return medium === BOOT_DISC ? 'cd' : found.drive;
}

/** Drives of the machine whose medium changes. Others are no drives to the machine: what is in them stays there. */
export function changingDrives(recipe: Recipe): Drive[] {
  const acts = recipe.steps.flatMap(actsOf);
  const used = new Set([
    ...Object.keys(recipe.media ?? {}).flatMap((name) => (name === BOOT_DISC ? [] : (driveOf(recipe, name) ?? []))),
    ...acts.flatMap((act) => ('eject' in act ? [act.eject] : [])),
    ...acts.flatMap((act) => ('insert' in act ? (driveOf(recipe, act.insert) ?? []) : [])),
  ]);
  return DRIVES.filter((drive) => used.has(drive));
}

/** By drive: the name of the medium in it once `done` are done, on the machine of `recipe`; `null` where it is empty. */
export function insertedAfter(recipe: Recipe, done: readonly Step[]): Partial<Record<Drive, string | null>> {
  const begin = (drive: Drive): string | null =>
    drive === 'cd' && recipe.media !== undefined && Object.hasOwn(recipe.media, BOOT_DISC) ? BOOT_DISC : null;
  const inserted: Partial<Record<Drive, string | null>> = Object.fromEntries(
    changingDrives(recipe).map((drive) => [drive, begin(drive)]),
  );
  for (const act of done.flatMap(actsOf)) {
    if ('eject' in act) inserted[act.eject] = null;
    const drive = 'insert' in act ? driveOf(recipe, act.insert) : undefined;
    if (drive !== undefined && 'insert' in act) inserted[drive] = act.insert;
  }
  return inserted;
}
