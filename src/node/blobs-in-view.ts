/** Which blobs a peer may have: those that a record names which that peer may see. */
import type { Digest } from '../crypto/digest.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { allOf } from './knowledge.ts';
import type { Session } from './session.ts';

/** Digests that were found to be named: a comparison asks many times for one. */
const MAX_REMEMBERED = 64;

/**
 * Everybody whom this node answers may see what the public feeds name: manifests of published builds, screens of published
 * patches. A blob that no record names is of something that nobody has published yet.
 */
export function blobsInView(session: Pick<Session, 'store'>): (author: AuthorId, digest: Digest) => Promise<boolean> {
  const named = new Set<Digest>();
  return async (_author, digest) => {
    if (named.has(digest)) return true;
    if (!(await isNamed(session, digest))) return false;
    named.add(digest);
    for (const oldest of named) {
      if (named.size <= MAX_REMEMBERED) break;
      named.delete(oldest);
    }
    return true;
  };
}

async function isNamed(session: Pick<Session, 'store'>, digest: Digest): Promise<boolean> {
  if ((await allOf(session, 'attestation')).some(({ meaning }) => meaning.manifest === digest)) return true;
  return (await allOf(session, 'patch')).some(({ meaning }) => {
    const { before, after } = meaning.evidence ?? {};
    return before === digest || after === digest;
  });
}
