/** A node that keeps to libp2p's rules and to none of ours: it sends whatever a test wants on any protocol. */
import { identify } from '@libp2p/identify';
import type { Libp2p, Stream } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { multiaddr } from '@multiformats/multiaddr';
import * as lp from 'it-length-prefixed';
import { createLibp2p } from 'libp2p';
import type { GossipSub } from '@libp2p/gossipsub';
import { lawlessGossip, onLoopback } from './foreign-node.ts';
import { seedOf } from './nodes.ts';

export interface Attacker {
  readonly node: Libp2p<{ pubsub: GossipSub }>;
  open(address: string, protocol: string): Promise<Stream>;
  /** Frames that come back until the stream ends, whichever way it does. */
  framesOf(stream: Stream): Promise<Uint8Array[]>;
  stop(): Promise<void>;
}

export async function createAttacker(seed: number): Promise<Attacker> {
  const node = await createLibp2p({
    ...(await onLoopback(seedOf(seed))),
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: lawlessGossip(),
    },
  });
  return {
    node,
    open: (address, protocol) => node.dialProtocol(multiaddr(address), protocol),
    async framesOf(stream) {
      const frames: Uint8Array[] = [];
      try {
        for await (const frame of lp.decode(stream)) frames.push(frame.subarray());
      } catch {
        // A reset is one of the ways in which a stream may end here.
      }
      return frames;
    },
    stop: async () => {
      await node.stop();
    },
  };
}

/** A length prefix and so many bytes. */
export function framed(bytes: Uint8Array): Uint8Array {
  return lp.encode.single(bytes).subarray();
}
