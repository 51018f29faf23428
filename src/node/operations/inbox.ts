/** What peers sent that policy leaves to the person, and why. */
import { describeOperations } from '../../recipe/diff.ts';
import { knownDisagreements } from '../disagreements.ts';
import { conflictsAt, type Conflicts, type PatchConflicts } from '../conflicts.ts';
import { baseOf, INBOX_PREFIX, judgeAt, personalDecision } from '../judgement.ts';
import { allOf, findRecord, meaningOf, type Known } from '../knowledge.ts';
import { parseScreen, SCREEN_BLOB } from '../screen-evidence.ts';
import { nameOf, type Session } from '../session.ts';
import { isDigest, shortDigest, type Digest } from '../../crypto/digest.ts';
import { RefusedError, UsageError } from '../../errors.ts';
import type { AuthorId } from '../../exchange/record/types.ts';
import type { Decision } from '../../exchange/trust/index.ts';
import type { Arguments } from './arguments.ts';

export async function list(session: Session): Promise<unknown> {
  const decide = await judgeAt(session);
  const conflicts = await conflictsAt(session);
  const items = [];
  for (const patch of await allOf(session, 'patch')) {
    if (patch.record.link.author === session.identity.author) continue;
    const base = await baseOf(session, patch);
    const personal = await personalDecision(session, patch.record.id);
    const decision = base && decide(patch, base.changeClass, personal);
    items.push({
      record: patch.record.id,
      from: nameOf(session, patch.record.link.author),
      recipe: patch.meaning.recipeName,
      summary: patch.meaning.summary,
      changeClass: base?.changeClass ?? null,
      state: personal ?? 'open',
      policy: decision?.apply ?? 'unknown base',
      contradictedBy: base ? conflicts.listed(patch, base.recipe).rivals.map(({ record }) => record.id) : [],
    });
  }
  return [...(await contradictions(session)), ...items];
}

/** What a peer's build says against one of this home's: nothing to accept, but to be looked into. */
async function contradictions(session: Session) {
  return (await knownDisagreements(session)).map(({ record, peer, recipeName, build }) => ({
    record,
    from: peer,
    recipe: recipeName,
    summary: `built something else than your ${build} from the same inputs`,
    changeClass: null,
    state: 'differs',
    policy: 'differs',
    contradictedBy: [],
  }));
}

/** A patch, or a build that contradicts one of this home's (`disagreement`). */
export async function show(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const named = await findRecord(session, args.text('record'));
  const disagreement = (await knownDisagreements(session)).find(({ record }) => record === named.id);
  if (disagreement !== undefined) return { record: named.id, from: disagreement.peer, disagreement };
  const patch = await patchNamed(session, named.id);
  const base = await baseOf(session, patch);
  const personal = await personalDecision(session, patch.record.id);
  const decide = await judgeAt(session);
  const conflicts = await conflictsAt(session);
  const found = base && conflicts.of(patch, base.recipe);
  return {
    record: patch.record.id,
    from: nameOf(session, patch.record.link.author),
    author: patch.record.link.author,
    recipe: patch.meaning.recipeName,
    base: patch.meaning.base,
    result: patch.meaning.result,
    origin: patch.meaning.origin,
    summary: patch.meaning.summary,
    changeClass: base?.changeClass ?? null,
    changes: base
      ? describeOperations(base.recipe, patch.meaning.operations)
      : ['The recipe that it starts from is not stored here, or the patch does not fit it.'],
    decision: base ? decide(patch, base.changeClass, personal) : null,
    evidence: await evidenceOf(session, patch, signal),
    voices: told(session, conflicts, patch),
    conflicts: found ? placesOf(session, patch, found) : [],
    rivals: found ? await rivalsOf(session, found, conflicts, signal) : [],
    notCompared: found?.notCompared ?? 0,
  };
}

/** Step by step, who makes what of it. */
function placesOf(session: Session, patch: Known<'patch'>, { places, rivals }: PatchConflicts) {
  const from = new Map([patch, ...rivals].map(({ record }) => [record.id, nameOf(session, record.link.author)]));
  return places.map(({ place, was, sides }) => ({
    place,
    was,
    sides: sides.map(({ stance, words, patches }) => ({
      stance,
      words,
      patches: patches.map((record) => ({ record, from: isDigest(record) ? (from.get(record) ?? '?') : '?' })),
    })),
  }));
}

/** Each with its own evidence and its own voices, so that the person may choose between them. */
async function rivalsOf(session: Session, { rivals }: PatchConflicts, conflicts: Conflicts, signal: AbortSignal) {
  const shown = rivals.slice(0, SHOWN_RIVALS).map(async (rival) => ({
    record: rival.record.id,
    from: nameOf(session, rival.record.link.author),
    author: rival.record.link.author,
    summary: rival.meaning.summary,
    changeClass: (await baseOf(session, rival))?.changeClass ?? null,
    state: (await personalDecision(session, rival.record.id)) ?? 'open',
    voices: told(session, conflicts, rival),
    evidence: await evidenceOf(session, rival, signal),
  }));
  return Promise.all(shown);
}

/** Contradicting patches whose evidence is fetched and shown; all of them are named where they contradict. */
export const SHOWN_RIVALS = 8;

function told(session: Session, conflicts: Conflicts, patch: Known<'patch'>) {
  return conflicts
    .voices(patch)
    .map((voice) => ({ ...voice, from: nameOf(session, voice.author) }))
    .sort((a, b) => (a.record < b.record ? -1 : 1));
}

/** How long the author of a patch is asked for a screen of its evidence, milliseconds. */
export const ASK_EVIDENCE_MS = 5_000;

interface ShownScreen {
  readonly digest: Digest;
  /** `null` where it is neither here nor to be had now. */
  readonly lines: readonly string[] | null;
}

async function evidenceOf(
  session: Session,
  { record, meaning }: Known<'patch'>,
  signal: AbortSignal,
): Promise<Partial<Record<'before' | 'after', ShownScreen>>> {
  const screen = async (digest: Digest): Promise<ShownScreen> => {
    const bytes =
      (await session.store.blobs.get(digest)) ?? (await fetchScreen(session, record.link.author, digest, signal));
    return { digest, lines: bytes === undefined ? null : parseScreen(bytes) };
  };
  const { before, after } = meaning.evidence ?? {};
  return { ...(before && { before: await screen(before) }), ...(after && { after: await screen(after) }) };
}

/** Evidence is advice: where it is not to be had the patch is shown without it. */
async function fetchScreen(
  session: Session,
  author: AuthorId,
  digest: Digest,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!session.exchange) return undefined;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_EVIDENCE_MS)]);
    const bytes = await session.exchange.fetchBlob(author, SCREEN_BLOB, digest, limit);
    await session.store.blobs.put(bytes);
    return bytes;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

export async function accept(session: Session, args: Arguments): Promise<unknown> {
  const patch = await patchNamed(session, args.text('record'));
  const base = await baseOf(session, patch);
  if (!base) {
    throw new UsageError(
      'inbox/unknown-base',
      `the recipe that patch ${patch.record.id} starts from is not stored here, or the patch does not fit it`,
      {
        hint: `See portalgun recipe list; to get it: portalgun recipe get ${nameOf(session, patch.record.link.author)}/${patch.meaning.recipeName}`,
      },
    );
  }
  const decision = (await judgeAt(session))(patch, base.changeClass, undefined);
  refuseNever(decision);
  await refuseBoth(session, (await conflictsAt(session)).of(patch, base.recipe));
  await session.store.notes.put(INBOX_PREFIX + patch.record.id, 'accepted');
  return { record: patch.record.id, state: 'accepted' };
}

/** One of two that contradict each other: a build could use only one, and which one would be chance. */
async function refuseBoth(session: Session, { places, rivals }: PatchConflicts): Promise<void> {
  for (const { record } of rivals) {
    if ((await personalDecision(session, record.id)) !== 'accepted') continue;
    const from = nameOf(session, record.link.author);
    const place = places.find(({ sides }) => sides.some(({ patches }) => patches.includes(record.id)))?.place ?? '';
    throw new RefusedError('inbox/contradicts', `it contradicts a patch of ${from} that you have accepted: ${place}`, {
      hint: `If you want this one instead: portalgun inbox reject ${shortDigest(record.id)}`,
      facts: { accepted: record.id, place },
    });
  }
}

export async function reject(session: Session, args: Arguments): Promise<unknown> {
  const patch = await patchNamed(session, args.text('record'));
  await session.store.notes.put(INBOX_PREFIX + patch.record.id, 'rejected');
  return { record: patch.record.id, state: 'rejected' };
}

/**
 * The operations of a stored patch, for writing it into a file. Rejects with `inbox/never` where policy or the person said
 * so; where its base is not stored here, it is judged as if it changed the most that a patch can.
 */
export async function get(session: Session, args: Arguments): Promise<unknown> {
  const patch = await patchNamed(session, args.text('record'));
  const { record, meaning } = patch;
  const base = await baseOf(session, patch);
  const personal = await personalDecision(session, record.id);
  refuseNever((await judgeAt(session))(patch, base?.changeClass ?? 'authority', personal));
  return { record: record.id, base: meaning.base, result: meaning.result, operations: meaning.operations };
}

async function patchNamed(session: Session, text: string): Promise<Known<'patch'>> {
  const record = await findRecord(session, text);
  const meaning = meaningOf(record);
  if (meaning.kind === 'patch') return { record, meaning };
  throw new UsageError('inbox/not-a-patch', `record ${record.id} is a ${meaning.kind}, not a patch`);
}

function refuseNever(decision: Decision): void {
  if (decision.apply !== 'never') return;
  throw new RefusedError('inbox/never', decision.because.at(-1) ?? 'policy says never', {
    hint: 'portalgun why explains it; the policy file is yours to change.',
    facts: { because: decision.because },
  });
}
