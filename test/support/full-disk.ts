/** A disk that is full: a small tmpfs, which only root can mount. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from '../../src/errors.ts';
import { skip } from './skip.ts';

/** A disk of `size` (as mount(8) takes it) at `folder`; skips who may not mount. Whoever called unmounts it. */
export async function mountSmallDisk(context: Mocha.Context, folder: string, size: string): Promise<void> {
  try {
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  } catch {
    skip(context, 'only root can mount a tmpfs here');
  }
}

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
