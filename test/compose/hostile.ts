/**
 * The hostile host of docker-compose.test.yml: speaks libp2p and keeps to none of our rules, for as long as it runs.
 * usage: hostile.ts AUTHOR ADDRESS…
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { HOP_PROTOCOL } from '../../src/exchange/p2p/libp2p/relay.ts';
import { createAttacker, framed } from '../exchange/p2p/attacker.ts';

const PROTOCOLS = ['/portalgun/sync/1.0.0', '/portalgun/blob/1.0.0', '/portalgun/head/1.0.0', HOP_PROTOCOL];
/** Of what is not a record, and of what begins like one. */
const SIZES = [0, 1, 40, 4_000, 70_000];

const [author = '', ...addresses] = process.argv.slice(2);
const attacker = await createAttacker(99);
for (let round = 0; ; round += 1) {
  for (const address of addresses) {
    for (const protocol of PROTOCOLS) {
      try {
        const stream = await attacker.open(address, protocol);
        stream.send(framed(randomBytes(SIZES[round % SIZES.length]!)));
        // Every other stream is left open, and says no more.
        if (round % 2 === 0) await stream.close();
      } catch {
        // Turned away: that is what is hoped for.
      }
    }
  }
  await attacker.node.services.pubsub.publish(`/portalgun/1/feed/${author}`, randomBytes(300)).catch(() => undefined);
  await pause(50);
}
