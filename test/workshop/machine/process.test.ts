/** The process that runs a machine, played by a shell. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawnQemu, type QemuProcess } from '../../../src/workshop/machine/process.ts';

/** More than a socket holds. */
const MUCH_BYTES = 4_000_000;

function sender(): Promise<QemuProcess> {
  return spawnQemu('sh', ['-c', `exec head -c ${MUCH_BYTES} /dev/zero >&3`], 1);
}

describe('the process of a machine', () => {
  it('is reaped though nobody reads any more what it has sent', async () => {
    const machine = await sender();
    await machine.sockets[0]![Symbol.asyncIterator]().next();
    assert.equal((await machine.reap(0)).status, 'signal SIGKILL');
  });

  it('has given all that it sent to whoever takes it as it comes', async () => {
    const machine = await sender();
    let sizeBytes = 0;
    machine.sockets[0]!.on('data', (piece: Buffer) => (sizeBytes += piece.length));
    await once(machine.sockets[0]!, 'end');
    assert.equal((await machine.reap()).status, 'exit 0');
    assert.equal(sizeBytes, MUCH_BYTES);
  });
});
