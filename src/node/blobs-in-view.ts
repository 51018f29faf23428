/** Which blobs a peer may have: those that a record names which that peer may see. */
import type { Digest } from '../crypto/digest.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { allOf } from './knowledge.ts';
import type { Session } from './session.ts';

/** Digests that were found to be named: a comparison asks many times for one. */
const MAX_REMEMBERED = 64;

/**
 * Everybody whom this node answers may see what others have named in the public feeds: manifests of published builds, screens
 * of published patches. A blob that no record names is of something that nobody has published yet, and who names it
 * themselves only asks whether it is here.
 */
export function blobsInView(session: Pick<Session, 'store'>): (asker: AuthorId, digest: Digest) => Promise<boolean> {
  const named = new Set<string>();
  return async (asker, digest) => {
    const key = `${asker} ${digest}`;
    if (named.has(key)) return true;
    if (!(await namersOf(session, digest)).some((author) => author !== asker)) return false;
    named.add(key);
    for (const oldest of named) {
      if (named.size <= MAX_REMEMBERED) break;
      named.delete(oldest);
    }
    return true;
  };
}

/** Whether an author has published a build with this manifest: only they can be asked to show that they hold it. */
export async function hasAttested(
  session: Pick<Session, 'store'>,
  author: AuthorId,
  manifest: Digest,
): Promise<boolean> {
  return (await allOf(session, 'attestation')).some(
    ({ record, meaning }) => record.link.author === author && meaning.manifest === manifest,
  );
}

async function namersOf(session: Pick<Session, 'store'>, digest: Digest): Promise<AuthorId[]> {
  const attested = (await allOf(session, 'attestation')).filter(({ meaning }) => meaning.manifest === digest);
  const shown = (await allOf(session, 'patch')).filter(({ meaning }) => {
    const { before, after } = meaning.evidence ?? {};
    return before === digest || after === digest;
  });
  return [...attested, ...shown].map(({ record }) => record.link.author);
}
