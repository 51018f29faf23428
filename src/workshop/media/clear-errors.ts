/** What the system throws in the middle of our work, in words that a person can act on. */
import { InterruptedError, PortalgunError } from '../../errors.ts';
import { withoutRoom } from './atomic-file.ts';

/** An abort becomes an `InterruptedError`, a full disk `media/disk-full`; all else is thrown on as it is. */
export async function withClearErrors<T>(
  { cacheDir, signal }: { readonly cacheDir: string; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PortalgunError) throw error;
    if (signal?.aborted) throw new InterruptedError(undefined, { cause: error });
    throw withoutRoom(error, cacheDir);
  }
}
