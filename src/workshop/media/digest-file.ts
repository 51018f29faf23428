/** SHA-256 of files, and the refusal when it is another one than was signed for. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { digestHex, type Digest } from '../../crypto/digest.ts';
import { RefusedError } from '../../errors.ts';

export interface FileDigest {
  readonly sha256: Digest;
  readonly sizeBytes: number;
}

const PIECE_BYTES = 1024 * 1024;

/** Reads the file once. `onBytes` is told how many bytes were read so far. */
export async function digestFile(
  path: string,
  options: { signal?: AbortSignal | undefined; onBytes?: ((done: number) => void) | undefined } = {},
): Promise<FileDigest> {
  options.signal?.throwIfAborted();
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path);
  try {
    // One piece is read while the other is hashed; a stream would make a new one for each, which costs a third more.
    const pieces = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)] as const;
    const read = (turn: number) => file.read(pieces[turn % 2 === 0 ? 0 : 1], 0, PIECE_BYTES);
    let next = read(0);
    for (let turn = 1; ; turn += 1) {
      const { bytesRead, buffer } = await next;
      options.signal?.throwIfAborted();
      if (bytesRead === 0) break;
      next = read(turn);
      hash.update(buffer.subarray(0, bytesRead));
      sizeBytes += bytesRead;
      options.onBytes?.(sizeBytes);
    }
  } finally {
    await file.close();
  }
  return { sha256: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/** `what` names the thing to a person: "package busybox-static 1:1.35.0-4", "initrd". */
export function digestMismatch(what: string, path: string, expected: Digest, found: Digest): RefusedError {
  return new RefusedError(
    'media/digest-mismatch',
    `${what} is not what was signed for: ${path} has SHA-256 ${digestHex(found)}, expected ${digestHex(expected)}.`,
    {
      hint: `delete ${path} and run \`portalgun media fetch\` to get it again`,
      facts: { what, path, expected, found },
    },
  );
}
