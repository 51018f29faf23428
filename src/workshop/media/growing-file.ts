/** A file that grows, and the digests of what is in it, made of the bytes as they pass. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

export interface FileDigests {
  readonly sha256: string;
  readonly sha512: string;
}

export class GrowingFile {
  size = 0;
  private sha256 = createHash('sha256');
  private sha512 = createHash('sha512');
  private readonly path: string;
  private readonly handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  /** What is there already is left as it is, and not known yet: `readBack` or `restart` comes next. */
  static async open(path: string): Promise<GrowingFile> {
    return new GrowingFile(path, await open(path, 'a+', 0o600));
  }

  async write(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) at += (await this.handle.write(chunk, at)).bytesWritten;
    this.take(chunk);
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.size = 0;
    this.sha256 = createHash('sha256');
    this.sha512 = createHash('sha512');
  }

  /** What an earlier run has left. */
  async readBack(signal: AbortSignal | undefined): Promise<void> {
    const stream = createReadStream(this.path, { highWaterMark: 1024 * 1024, ...(signal && { signal }) });
    for await (const chunk of stream as AsyncIterable<Buffer>) this.take(chunk);
  }

  sync(): Promise<void> {
    return this.handle.sync();
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  digests(): FileDigests {
    return { sha256: this.sha256.copy().digest('hex'), sha512: this.sha512.copy().digest('hex') };
  }

  private take(chunk: Buffer): void {
    this.sha256.update(chunk);
    this.sha512.update(chunk);
    this.size += chunk.length;
  }
}
