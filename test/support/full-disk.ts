/** A disk that is full: whoever tests one mounts a small tmpfs, which only root can. */
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { errnoOf } from '../../src/errors.ts';

/** Writes to `file` until nothing more goes in. */
export async function fillDisk(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (;;) await handle.write(Buffer.alloc(4096));
  } catch (error) {
    assert.equal(errnoOf(error), 'ENOSPC');
  } finally {
    await handle.close();
  }
}
