import { stat } from 'node:fs/promises';
import { errnoOf } from '../errors.ts';

/** Whether there is anything of this name. Rejects where that cannot be found out: it is not taken for absent then. */
export async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
