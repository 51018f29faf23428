/** A node beside others that keeps every byte which comes to it, after noise. */
import { identify } from '@libp2p/identify';
import { ping } from '@libp2p/ping';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { dhtService } from '../../../src/exchange/p2p/libp2p/discovery.ts';
import { lawlessGossip, onLoopback } from './foreign-node.ts';
import { seedOf } from './nodes.ts';

export async function startListener(topic: string) {
  const heard: Uint8Array[] = [];
  const muxer = yamux();
  const node = await createLibp2p({
    ...(await onLoopback(seedOf(40))),
    streamMuxers: [
      () => {
        const factory = muxer();
        const create = factory.createStreamMuxer.bind(factory);
        factory.createStreamMuxer = (stream) => {
          stream.addEventListener('message', ({ data }) => heard.push(data.subarray()));
          return create(stream);
        };
        return factory;
      },
    ],
    services: {
      identify: identify(),
      ping: ping(),
      dht: dhtService(),
      pubsub: lawlessGossip(),
    },
  });
  node.services.pubsub.subscribe(topic);
  return {
    node,
    heard(needle: string | Uint8Array): boolean {
      const bytes = typeof needle === 'string' ? Buffer.from(needle) : needle;
      return Buffer.concat(heard).includes(Buffer.concat([bytes]));
    },
  };
}
