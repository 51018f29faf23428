/**
 * Child process of the crash tests: appends to its feed for ever and prints each record's seq and id once the store has
 * acknowledged it. Arguments: folder of the store, seed in hex, size of a record's filling in bytes.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/exchange/store/index.ts';
import { draft, NETWORK } from '../record/author.ts';

const [, , path = '', seed = '', fill = '0'] = process.argv;

async function main(): Promise<void> {
  const store = await openStore(path, { network: NETWORK });
  for (;;) {
    const record = await store.append({ seed: Buffer.from(seed, 'hex') }, 'public', draft('a'.repeat(Number(fill))));
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
