/** The parts of libp2p nodes on loopback that are not ours, and speak with ours. */
import { noise } from '@chainsafe/libp2p-noise';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { gossipsub } from '@libp2p/gossipsub';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { messageId } from '../../../src/exchange/p2p/libp2p/gossip.ts';

/** All but services. */
export async function onLoopback(seed: Uint8Array) {
  return {
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  };
}

/** Gossip that takes what comes, and is sent to whoever is there. */
export const lawlessGossip = () =>
  gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: ({ topic, data }) => messageId(topic, data),
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: false,
  });
