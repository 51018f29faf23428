/** Bytes by their digest, which is checked on the way in and again on the way out. */
import { sha256, shortDigest } from '../../crypto/digest.ts';
import { RefusedError, UsageError } from '../../errors.ts';
import type { Database } from './database.ts';
import { blobKey } from './layout.ts';
import { BLOB_MAX_BYTES } from './limits.ts';
import type { RecordStore } from './types.ts';

export function openBlobs(database: Database): RecordStore['blobs'] {
  return {
    async get(digest) {
      const bytes = await database.get(blobKey(digest));
      if (bytes === undefined || sha256(bytes) === digest) return bytes;
      throw new RefusedError('store/damaged', `The blob ${shortDigest(digest)} in the store is damaged.`, {
        hint: 'it can be fetched again from the peer who published it',
        facts: { digest },
      });
    },
    async put(bytes) {
      if (bytes.length > BLOB_MAX_BYTES) {
        throw new UsageError(
          'store/blob-too-large',
          `This blob has ${bytes.length} bytes; at most ${BLOB_MAX_BYTES} are kept.`,
        );
      }
      const digest = sha256(bytes);
      await database.write([{ type: 'put', key: blobKey(digest), value: bytes }]);
      return digest;
    },
  };
}
