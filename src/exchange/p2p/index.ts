/**
 * The node on the network: libp2p, gossip, sync, questions about symptoms, typed blobs, discovery.
 *
 * Promises: whatever arrives, by whatever way, ends in the same `RecordStore.admit`, and nobody is believed for having
 * sent it; gossip is a hint and sync the truth; a private group is spoken of between its members
 * alone; every stream has limits on bytes, time and rate, and a refusal states them.
 * Never: tells of a private group to who is no member; sends a recipe's media, an image or a file's content; trusts what the DHT says;
 * bans a trusted peer.
 *
 * Here is what a node decides (participant.ts, and who may have how much of what) and what puts it together (exchange.ts).
 * `sync/` and `protocols/` are the conversations, each with its two sides, without a network; `libp2p/` is the network.
 */
export { createExchange } from './exchange.ts';
export { feedCid } from './libp2p/discovery.ts';
export { peerIdOf } from './libp2p/peer-identity.ts';
export type * from './types.ts';
