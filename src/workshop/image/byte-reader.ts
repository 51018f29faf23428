/** Reads a stream in exact pieces, holding no more than one chunk of it. */
import type { Readable } from 'node:stream';
import { FailedError } from '../../errors.ts';

export interface ByteReader {
  /** Exactly `sizeBytes` bytes. Keep it small: they are held in memory. */
  exact(sizeBytes: number): Promise<Buffer>;
  /** The next `sizeBytes` bytes as they come. Must be read to the end. */
  chunks(sizeBytes: number): AsyncGenerator<Buffer, void, undefined>;
  /** Bytes up to `end`, which is consumed and left out. Rejects with `image/bad-answer` beyond `maxBytes`. */
  until(end: number, maxBytes: number): Promise<Buffer>;
}

/**
 * Rejects with `image/measure-ended` when the stream ends before what was asked for. `onChunk` is called for each chunk
 * that arrives.
 */
export function readBytes(stream: Readable, onChunk: () => void = () => {}): ByteReader {
  const source = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  const more = async (): Promise<Buffer> => {
    if (rest.length > 0) return rest;
    const next = (await source.next()) as IteratorResult<Buffer, unknown>;
    if (next.done === true) throw new FailedError('image/measure-ended', 'the measuring VM stopped in the middle');
    onChunk();
    rest = next.value;
    return rest;
  };
  async function* chunks(sizeBytes: number): AsyncGenerator<Buffer, void, undefined> {
    let left = sizeBytes;
    while (left > 0) {
      const available = await more();
      const piece = available.subarray(0, left);
      rest = available.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }
  return {
    chunks,
    async exact(sizeBytes) {
      const pieces: Buffer[] = [];
      for await (const piece of chunks(sizeBytes)) pieces.push(piece);
      const [first, second] = pieces;
      return first !== undefined && second === undefined ? first : Buffer.concat(pieces);
    },
    async until(end, maxBytes) {
      const pieces: Buffer[] = [];
      let length = 0;
      while (true) {
        const available = await more();
        const at = available.indexOf(end);
        const piece = at < 0 ? available : available.subarray(0, at);
        rest = available.subarray(at < 0 ? available.length : at + 1);
        pieces.push(piece);
        length += piece.length;
        if (length > maxBytes) {
          throw new FailedError('image/bad-answer', `the measuring VM sent more than ${maxBytes} bytes for one line`);
        }
        if (at >= 0) return Buffer.concat(pieces);
      }
    },
  };
}
