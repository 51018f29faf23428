/** Which blobs a peer may have: those that a record names which that peer may see. */
import type { Digest } from '../crypto/digest.ts';
import { judge } from '../exchange/record/index.ts';
import type { AuthorId, Meaning } from '../exchange/record/types.ts';
import type { RecordStore } from '../exchange/store/types.ts';

type Knower = { readonly store: Pick<RecordStore, 'naming'> };

/** Digests that were found to be named: a comparison asks many times for one. */
const MAX_REMEMBERED = 64;

/**
 * Everybody whom this node answers may see what others have named in the public feeds: manifests of published builds, screens
 * of published patches. A blob that no record names is of something that nobody has published yet, and who names it
 * themselves only asks whether it is here.
 */
export function blobsInView(session: Knower): (asker: AuthorId, digest: Digest) => Promise<boolean> {
  const named = new Set<string>();
  return async (asker, digest) => {
    const key = `${asker} ${digest}`;
    if (named.has(key)) return true;
    if (!(await isNamedByOthers(session, asker, digest))) return false;
    named.add(key);
    for (const oldest of named) {
      if (named.size <= MAX_REMEMBERED) break;
      named.delete(oldest);
    }
    return true;
  };
}

/** Whether an author has published a build with this manifest: only they can be asked to show that they hold it. */
export async function hasAttested({ store }: Knower, author: AuthorId, manifest: Digest): Promise<boolean> {
  for await (const record of store.naming(manifest, (one) => one === author)) {
    const judged = judge(record);
    if (judged.understood && judged.meaning.kind === 'attestation' && judged.meaning.manifest === manifest) return true;
  }
  return false;
}

async function isNamedByOthers({ store }: Knower, asker: AuthorId, digest: Digest): Promise<boolean> {
  for await (const record of store.naming(digest, (author) => author !== asker)) {
    const judged = judge(record);
    if (judged.understood && blobsOf(judged.meaning).includes(digest)) return true;
  }
  return false;
}

function blobsOf(meaning: Meaning): readonly (Digest | undefined)[] {
  if (meaning.kind === 'attestation') return [meaning.manifest];
  return meaning.kind === 'patch' ? [meaning.evidence?.before, meaning.evidence?.after] : [];
}
