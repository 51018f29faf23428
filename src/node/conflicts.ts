/** Patches of peers that contradict each other: what each makes of which place, and who stands for it. */
import type { Digest } from '../crypto/digest.ts';
import { isConfigured, voicesAmong, type Voice } from '../exchange/trust/index.ts';
import { LIMITS, conflictsOf, type Conflict } from '../recipe/index.ts';
import type { CheckedRecipe } from '../recipe/types.ts';
import { personalDecision } from './judgement.ts';
import { allOf, stalenessAt, voiceRecords, type Known } from './knowledge.ts';
import type { Session } from './session.ts';

/** Finds what contradicts a patch, as things are at one moment. */
export interface Conflicts {
  /** Places where others make something else of `base` than this patch does, and those others. */
  of(patch: Known<'patch'>, base: CheckedRecipe): PatchConflicts;
  /** The same for a list: nothing where the patch is not among those that are compared. */
  listed(patch: Known<'patch'>, base: CheckedRecipe): PatchConflicts;
  voices(patch: Known<'patch'>): readonly Voice[];
}

export interface PatchConflicts {
  readonly places: readonly Conflict[];
  readonly rivals: readonly Known<'patch'>[];
  /** Patches of this base beyond what is compared. */
  readonly notCompared: number;
}

/**
 * Compared are the patches of those whom policy names, and one's own, but for what its author has withdrawn or replaced,
 * and what the person has rejected: a stranger's patch is never used, and so contradicts nothing.
 */
export async function conflictsAt(session: Session): Promise<Conflicts> {
  const policy = await session.policy.current();
  const self = session.identity.author;
  const [records, isStale] = [await voiceRecords(session), await stalenessAt(session)];
  const takenBack = new Set(
    records.flatMap(({ record, meaning }) =>
      meaning.kind === 'withdrawal' ? [by(record.link.author, meaning.of)] : [],
    ),
  );
  const patches = await allOf(session, 'patch');
  for (const { record, meaning } of patches) {
    if (meaning.supersedes !== null) takenBack.add(by(record.link.author, meaning.supersedes));
  }
  const standing: (Known<'patch'> & { readonly isAccepted: boolean })[] = [];
  for (const patch of patches) {
    const { id, link } = patch.record;
    if (!isConfigured(policy, link.author, self) || takenBack.has(by(link.author, id))) continue;
    const personal = await personalDecision(session, id);
    if (personal !== 'rejected') standing.push({ ...patch, isAccepted: personal === 'accepted' });
  }
  // However many one author publishes: what the person has accepted is compared.
  standing.sort((a, b) => Number(b.isAccepted) - Number(a.isAccepted) || (a.record.id < b.record.id ? -1 : 1));
  const standingOn = Map.groupBy(standing, ({ meaning }) => meaning.base);
  const comparedOnce = new Map<Digest, readonly Conflict[]>();
  const among = (patches: readonly Known<'patch'>[], base: CheckedRecipe): readonly Conflict[] =>
    conflictsOf(
      base,
      patches.map(({ record, meaning }) => ({ id: record.id, operations: meaning.operations })),
    );
  const groupOf = ({ meaning }: Known<'patch'>) => {
    const all = standingOn.get(meaning.base) ?? [];
    return { compared: all.slice(0, MAX_COMPARED), notCompared: Math.max(0, all.length - MAX_COMPARED) };
  };
  const listed = (patch: Known<'patch'>, base: CheckedRecipe): PatchConflicts => {
    const { compared, notCompared } = groupOf(patch);
    const all = comparedOnce.get(base.digest) ?? among(compared, base);
    comparedOnce.set(base.digest, all);
    return { ...concerning(patch, all, compared), notCompared };
  };
  return {
    listed,
    of(patch, base) {
      const { compared, notCompared } = groupOf(patch);
      if (compared.some(({ record }) => record.id === patch.record.id)) return listed(patch, base);
      return { ...concerning(patch, among([patch, ...compared], base), compared), notCompared };
    },
    voices: voicesAmong(records, isStale),
  };
}

/** One place is left for a patch that is not among them. */
const MAX_COMPARED = LIMITS.MAX_MERGED_PATCHES - 1;

function concerning({ record: { id } }: Known<'patch'>, all: readonly Conflict[], compared: readonly Known<'patch'>[]) {
  const places = all.filter(({ sides }) => sides.some((side) => side.patches.includes(id)));
  const others = places.flatMap(({ sides }) => sides.filter(({ patches }) => !patches.includes(id)));
  const named = new Set(others.flatMap(({ patches }) => patches));
  return { places, rivals: compared.filter(({ record }) => named.has(record.id)) };
}

function by(author: string, record: Digest): string {
  return `${author} ${record}`;
}
