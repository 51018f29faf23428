/** A guest's memory out of QEMU and into it: migration to a socket of ours, and from one. */
import { FailedError } from '../../errors.ts';
import { MIGRATION_BYTES_PER_SECOND, MIGRATION_MS } from './limits.ts';
import { receiveMemory, sendMemory } from './memory-image.ts';
import { isObject } from './qmp.ts';
import type { Qmp, QmpEvent } from './qmp.ts';

/** Writes the memory of a stopped machine; gives the size of the file in bytes. */
export async function storeMemory(qmp: Qmp, memoryPath: string, socket: string): Promise<number> {
  await announce(qmp, { 'max-bandwidth': MIGRATION_BYTES_PER_SECOND });
  return receiveMemory(socket, memoryPath, async () => {
    const ended = migrationEnd(qmp);
    // Awaited after the command; a refused command must not leave a rejection that nobody sees.
    ended.catch(() => undefined);
    await qmp.call('migrate', { uri: `unix:${socket}` });
    await ended;
  });
}

/** Fills a machine that was started with `-incoming defer`. */
export async function loadMemory(qmp: Qmp, memoryPath: string, socket: string, signal?: AbortSignal): Promise<void> {
  await announce(qmp, {});
  const ended = migrationEnd(qmp, signal);
  ended.catch(() => undefined);
  await qmp.call('migrate-incoming', { uri: `unix:${socket}` }, { signal });
  await sendMemory(memoryPath, socket);
  await ended;
}

/** Without the `events` capability QEMU would have to be asked again and again. */
async function announce(qmp: Qmp, parameters: object): Promise<void> {
  await qmp.call('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
  if (Object.keys(parameters).length > 0) await qmp.call('migrate-set-parameters', parameters);
}

async function migrationEnd(qmp: Qmp, signal?: AbortSignal): Promise<void> {
  const { data } = await qmp.waitFor(isEnd, { signal, timeoutMs: MIGRATION_MS });
  if (data['status'] === 'completed') return;
  const info = await qmp.call('query-migrate');
  const why = isObject(info) && typeof info['error-desc'] === 'string' ? info['error-desc'] : String(data['status']);
  throw new FailedError('machine/save-failed', `QEMU could not carry over the machine's memory: ${why}`);
}

function isEnd({ event, data }: QmpEvent): boolean {
  return event === 'MIGRATION' && ['completed', 'failed', 'cancelled'].includes(String(data['status']));
}
