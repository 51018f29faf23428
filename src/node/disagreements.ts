/** Which builds of this home a peer contradicts, from what is stored here: nobody is asked. */
import { verdictFor } from '../crosscheck/index.ts';
import type { Digest } from '../crypto/digest.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { isComparable, listBuilds, type ComparableBuild } from './build-records.ts';
import { ownBuildOf, peerReports } from './peer-reports.ts';
import type { Session } from './session.ts';

export interface KnownDisagreement {
  readonly build: string;
  readonly image: string | null;
  readonly recipeName: string;
  readonly buildKey: Digest;
  readonly peer: string;
  readonly author: AuthorId;
  /** The peer's attestation. */
  readonly record: Digest;
  readonly mine: Digest;
  readonly theirs: Digest;
}

/** Of builds with one key and one manifest the newest stands for all. Newest first. */
export async function knownDisagreements(session: Session): Promise<KnownDisagreement[]> {
  const newest = new Map<string, ComparableBuild>();
  const { builds } = await listBuilds(session.home);
  for (const build of builds.filter(isComparable).toReversed()) {
    const key = `${build.buildKey} ${build.manifest}`;
    if (!newest.has(key)) newest.set(key, build);
  }
  if (newest.size === 0) return [];
  const reports = await peerReports(session);
  return [...newest.values()].flatMap((build) =>
    reports.flatMap((report): KnownDisagreement[] => {
      const { verdict, record, manifest } = verdictFor(ownBuildOf(build), report);
      if (verdict !== 'differs' || record === null || manifest === null) return [];
      return [
        {
          build: build.id,
          image: build.image ?? null,
          recipeName: build.recipeName,
          buildKey: build.buildKey,
          peer: report.name,
          author: report.author,
          record,
          mine: build.manifest,
          theirs: manifest,
        },
      ];
    }),
  );
}
