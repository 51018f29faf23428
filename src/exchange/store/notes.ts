/** Small documents of this node's own, as JSON, by key. */
import { RefusedError, UsageError } from '../../errors.ts';
import type { Database } from './database.ts';
import { lastPart, noteKey, under } from './layout.ts';
import { NOTE_MAX_BYTES } from './limits.ts';
import type { RecordStore } from './types.ts';

export function openNotes(database: Database): RecordStore['notes'] {
  return {
    async get(key) {
      const value = await database.get(noteKey(checked(key)));
      return value === undefined ? undefined : parse(key, value);
    },
    async put(key, value) {
      await database.write([{ type: 'put', key: noteKey(checked(key)), value: encode(key, value) }]);
    },
    async delete(key) {
      await database.write([{ type: 'del', key: noteKey(checked(key)) }]);
    },
    async list(prefix) {
      const { gte, lt } = under('note');
      const notes: [string, unknown][] = [];
      for await (const [key, value] of database.entries({ gte: gte + checked(prefix), lt })) {
        const name = lastPart(key);
        if (!name.startsWith(prefix)) break;
        notes.push([name, parse(name, value)]);
      }
      return notes;
    },
  };
}

function checked(key: string): string {
  if (!key.includes('\0') && key.isWellFormed()) return key;
  throw new UsageError('store/bad-key', 'A note cannot be called by a text with NUL or half a character in it.');
}

function encode(key: string, value: unknown): Uint8Array {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new UsageError('store/bad-note', `The note ${key} holds nothing that JSON can hold.`);
  const bytes = Buffer.from(text);
  if (bytes.length <= NOTE_MAX_BYTES) return bytes;
  throw new UsageError(
    'store/bad-note',
    `The note ${key} has ${bytes.length} bytes; at most ${NOTE_MAX_BYTES} are kept.`,
  );
}

function parse(key: string, value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw new RefusedError('store/damaged', `The note ${key} in the store is damaged.`, { cause });
  }
}
