/**
 * A guest's memory on disk: QEMU's migration stream, compressed with zstd level 1 (94 MB of a small guest become 27 MB in
 * 0.4 s), with a checksum so that a damaged file is found before a guest runs on it.
 */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { FailedError, UsageError } from '../../errors.ts';
import { MEMORY_PIECE_BYTES, SOCKET_PATH_BYTES } from './limits.ts';

/** Where QEMU connects to, or listens, for one migration. Throws `machine/path-too-long`. */
export function migrationSocket(runtimeDir: string): string {
  const path = join(runtimeDir, 'm');
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES) {
    throw new UsageError('machine/path-too-long', `${runtimeDir} is too long a path for a socket`, {
      hint: `use a runtime folder whose path has at most ${SOCKET_PATH_BYTES - 2} bytes`,
    });
  }
  return path;
}

/**
 * Listens on `socket`; `send` makes QEMU connect and write. Resolves with the size of `memoryPath` (0600, on disk, complete
 * or not there at all).
 */
export async function receiveMemory(socket: string, memoryPath: string, send: () => Promise<void>): Promise<number> {
  const partial = `${memoryPath}.partial`;
  const abort = new AbortController();
  const server = createServer();
  try {
    await rm(socket, { force: true });
    server.listen(socket);
    await once(server, 'listening');
    const file = await open(partial, 'w', 0o600);
    const compress = createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    const write = (stream: Socket) =>
      pipeline(stream, compress, file.createWriteStream({ flush: true }), { signal: abort.signal });
    const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
    await Promise.all([connected.then(write), send()]).finally(async () => {
      abort.abort();
      await file.close();
    });
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    server.close();
  }
  await rename(partial, memoryPath);
  await syncFolder(dirname(memoryPath));
  return (await stat(memoryPath)).size;
}

/**
 * Sends the memory in `memoryPath` to a QEMU that listens on `socket`, and reads the file to its checksum whatever QEMU
 * does: it hangs up as soon as it has read the end of its own stream, which may be before we have closed ours. Whether it
 * got all that it needs, the migration's own status says. Throws `machine/bad-memory-image`.
 */
export async function sendMemory(memoryPath: string, socket: string): Promise<void> {
  const connection = createConnection(socket);
  try {
    await once(connection, 'connect');
    await pipeline(
      createReadStream(memoryPath, { highWaterMark: MEMORY_PIECE_BYTES }),
      createZstdDecompress({ chunkSize: MEMORY_PIECE_BYTES }),
      (memory: AsyncIterable<Uint8Array>) => writeWhileOpen(memory, connection),
    );
  } catch (error) {
    throw new FailedError(
      'machine/bad-memory-image',
      `the saved memory ${memoryPath} cannot be used: ${String(error)}`,
      {
        hint: 'remove this checkpoint: the build then goes on from the one before it',
        cause: error,
      },
    );
  } finally {
    connection.destroy();
  }
}

/** Takes all that comes; what comes after the other side has hung up goes nowhere. */
async function writeWhileOpen(chunks: AsyncIterable<Uint8Array>, connection: Socket): Promise<void> {
  const hungUp = new Promise<void>((resolve) => connection.once('close', () => resolve()));
  connection.on('error', () => undefined); // EPIPE or ECONNRESET: it closes, and that is what counts
  for await (const chunk of chunks) {
    if (!connection.writable || connection.write(chunk)) continue;
    await Promise.race([new Promise<void>((resolve) => connection.once('drain', () => resolve())), hungUp]);
  }
  if (connection.writable)
    await Promise.race([new Promise<void>((resolve) => connection.end(() => resolve())), hungUp]);
}

/** A rename is only on disk when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
