/** What a cross-check compares: a build of this home, and what configured peers have said about its recipe. */
import type { OwnBuild, PeerReport, Said } from '../crosscheck/index.ts';
import { UsageError } from '../errors.ts';
import { comparePositions, signersOf } from '../exchange/record/index.ts';
import type { AuthorId, VerifiedRecord } from '../exchange/record/types.ts';
import type { BuildRecord } from './build-records.ts';
import { allOf, stalenessAt, withdrawnAt } from './knowledge.ts';
import type { Session } from './session.ts';

/** Throws `crosscheck/no-manifest` for a build that made none. */
export function ownBuildOf(build: BuildRecord): OwnBuild {
  const { id, recipeName, finalRecipe, buildKey, manifest, builder, attestation } = build;
  if (buildKey === undefined || manifest === undefined || builder === undefined) {
    throw new UsageError('crosscheck/no-manifest', `the build ${id} has no manifest to compare`);
  }
  const attested = attestation && {
    inputs: attestation,
    signers: signersOf(attestation.dependencies),
    ...(attestation.work && { work: attestation.work }),
  };
  return { recipe: finalRecipe, recipeName, buildKey, manifest, builder, ...attested };
}

/** One report a peer of the policy, or of the peer `only`. */
export async function peerReports(session: Session, only?: string): Promise<PeerReport[]> {
  const { peers } = await session.policy.current();
  const isStale = await stalenessAt(session);
  const attestations = await allOf(session, 'attestation');
  const failures = await allOf(session, 'failure');
  const isWithdrawn = await withdrawnAt(session);
  const by = <T>(list: readonly Signed<T>[], author: AuthorId): Said<T>[] =>
    list
      .filter(({ record }) => record.link.author === author)
      .sort((a, b) => comparePositions(b.record.link, a.record.link))
      .map(({ record, meaning }) => ({
        record: record.id,
        meaning,
        place: record.link,
        withdrawn: isWithdrawn(record),
      }));
  return Object.entries(peers)
    .filter(([name]) => only === undefined || name === only)
    .map(([name, { id }]) => ({
      name,
      author: id,
      stale: isStale(id),
      attestations: by(attestations, id),
      failures: by(failures, id),
    }));
}

interface Signed<T> {
  readonly record: Pick<VerifiedRecord, 'id' | 'link'>;
  readonly meaning: T;
}
