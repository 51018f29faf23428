/** A guest that takes nothing for a while, as one does that stands still, is not given up as long as it answers. */
import assert from 'node:assert/strict';
import { Connection, type Outgoing } from '../../../src/workshop/network/connection.ts';
import { GUEST, HOST } from '../../../src/workshop/network/index.ts';
import { RESENDS_MOST } from '../../../src/workshop/network/limits.ts';
import { ACK, SYN, type Segment } from '../../../src/workshop/network/packet.ts';

const INITIAL = 0xffff_fffe; // so that the numbers go round

function from(guest: Partial<Segment>): Segment {
  const ports = { from: GUEST, to: HOST, fromPort: 5, toPort: 80 };
  return { ...ports, seq: 10, ack: 0xffff_ffff, flags: ACK, window: 0, mss: 1_000, payload: Buffer.alloc(0), ...guest };
}

describe('a connection whose guest has closed its window', () => {
  let connection: Connection | undefined;
  afterEach(() => connection?.destroy());

  /** With `hello` to be sent, and a guest that answers `probed` to each segment with something in it. */
  function closed(probed: (segment: Outgoing, count: number) => void, gone: () => void): Connection {
    let count = 0;
    const made = new Connection({
      opening: from({ seq: 9, ack: 0, flags: SYN }),
      initial: INITIAL,
      resendMs: 1,
      opened: () => undefined,
      gone,
      send: (segment) => {
        if (segment.payload.length > 0) setImmediate(() => probed(segment, ++count));
      },
    });
    made.on('error', () => undefined);
    made.receive(from({}));
    made.write('hello');
    return made;
  }

  it('is asked about it for as long as it answers, and given all from where it was once it opens', async () => {
    const { seq, payload } = await new Promise<Outgoing>((resolve, reject) => {
      const answer = (segment: Outgoing, count: number): void => {
        if (count <= 2 * RESENDS_MOST) return connection?.receive(from({}));
        if (count === 2 * RESENDS_MOST + 1) return connection?.receive(from({ window: 1_000 }));
        resolve(segment);
      };
      connection = closed(answer, () => reject(new Error('it was given up')));
    });
    assert.deepEqual([seq, String(payload)], [0xffff_ffff, 'hello']);
  });

  it('is given up where nothing answers', async () => {
    let probes = 0;
    await new Promise<void>((resolve) => {
      connection = closed(() => (probes += 1), resolve);
    });
    assert.equal(probes, RESENDS_MOST);
  });
});
