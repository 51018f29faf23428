import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { sendMemory } from '../../../src/workshop/machine/memory-image.ts';

/** More than sockets hold, and not the same everywhere. */
const MEMORY = Buffer.from(Uint32Array.from({ length: 1_000_000 }, (_, index) => Math.imul(index, 2654435761)).buffer);

describe('a saved memory', () => {
  let folder: string;
  let socket: string;
  let file: string;
  let server: Server;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pg-'));
    socket = path.join(folder, 'm');
    file = path.join(folder, 'memory.zst');
    await writeFile(file, zstdCompressSync(MEMORY, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }));
  });
  afterEach(async () => {
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function listen(hear: (connection: Socket) => void): Promise<void> {
    server = createServer(hear).listen(socket);
    await once(server, 'listening');
  }

  it('arrives whole', async () => {
    const received = new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      void listen((connection) =>
        connection.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks))),
      );
    });
    await sendMemory(file, socket);
    assert.ok((await received).equals(MEMORY));
  });

  it('is sent where the other side hangs up as soon as it has read what it needs', async () => {
    for (const needed of [1, MEMORY.length / 2, MEMORY.length]) {
      let read = 0;
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      await listen((connection) =>
        connection
          .on('data', ({ length }) => {
            read += length;
            if (read >= needed) connection.destroy();
          })
          .on('close', () => resolve()),
      );
      await sendMemory(file, socket);
      await gone; // what was sent last may still be on its way
      assert.ok(read >= needed);
      server.close();
      await once(server, 'close');
    }
  });

  it('that is damaged is found though the other side has hung up', async () => {
    const bytes = zstdCompressSync(MEMORY, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    bytes[bytes.length - 1]! ^= 1; // in the checksum
    await writeFile(file, bytes);
    await listen((connection) => connection.on('data', () => connection.destroy()));
    await assert.rejects(sendMemory(file, socket), { code: 'machine/bad-memory-image' });
  });

  it('cannot be sent where nobody listens', async () => {
    await assert.rejects(sendMemory(file, socket), { code: 'machine/bad-memory-image', message: /ENOENT/ });
  });
});
