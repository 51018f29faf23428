/**
 * Child process of the crash tests: appends to its feed for ever, each record with a symptom of its own, and prints each
 * one's seq and id once the store has acknowledged it. Arguments: folder of the store, seed in hex, size of a record's filling in bytes.
 */
import { writeSync } from 'node:fs';
import { sha256 } from '../../../src/crypto/digest.ts';
import { PREDICATE } from '../../../src/exchange/record/index.ts';
import { openStore } from '../../../src/exchange/store/index.ts';
import { draft, NETWORK } from '../record/author.ts';

const [, , path = '', seed = '', fill = '0'] = process.argv;

async function main(): Promise<void> {
  const store = await openStore(path, { network: NETWORK });
  for (let count = 0; ; count += 1) {
    const { predicate, ...rest } = draft('a'.repeat(Number(fill)), PREDICATE.patch);
    const patch = { ...rest, predicate: { ...predicate, symptom: sha256(`${process.pid} ${count}`) } };
    const record = await store.append({ seed: Buffer.from(seed, 'hex') }, 'public', patch);
    // Not through a stream: what is printed has left this process before the next append begins.
    writeSync(1, `${record.link.seq} ${record.id}\n`);
  }
}

// Only as a process of its own: whoever loads all files of this folder does not mean it.
if (process.argv[1] === import.meta.filename) {
  main().catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    writeSync(2, `${code}: ${error instanceof Error ? error.message : ''}\n`);
    process.exitCode = 1;
  });
}
