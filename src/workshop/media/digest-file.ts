/** SHA-256 of files, and the refusal when it is another one than was signed for. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { digestHex, type Digest } from '../../crypto/digest.ts';
import { RefusedError } from '../../errors.ts';

export interface FileDigest {
  readonly sha256: Digest;
  readonly sizeBytes: number;
}

/** Reads the file once, as a stream. `onBytes` is told how many bytes were read so far. */
export async function digestFile(
  path: string,
  options: { signal?: AbortSignal | undefined; onBytes?: ((done: number) => void) | undefined } = {},
): Promise<FileDigest> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const stream = createReadStream(path, {
    highWaterMark: 1024 * 1024,
    ...(options.signal && { signal: options.signal }),
  });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
    options.onBytes?.(sizeBytes);
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
