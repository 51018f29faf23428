/**
 * Gossip: one topic for each public author feed. A hint that something is new; sync brings what it missed.
 *
 * Records carry their own signatures, so nothing here asks who sent them. A validator that did would let a stranger
 * relay a record first, be ignored, and so have the author's own copy dropped as a duplicate: gossipsub remembers an id
 * before it validates.
 */
import { createHash } from 'node:crypto';
import { gossipsub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { GossipSub, GossipsubOpts, Message } from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';
import { FailedError, RefusedError } from '../../../errors.ts';
import { isAuthorId } from '../../record/identity.ts';
import { ENVELOPE_MAX_BYTES } from '../../record/limits.ts';
import type { AuthorId, VerifiedRecord } from '../../record/types.ts';
import type { GossipVerdict, JudgeGossip } from '../gossip-judge.ts';
import { GOSSIP_FRAME_MAX_BYTES, GOSSIP_IDONTWANT_MIN_BYTES, GOSSIP_OUTBOUND_MAX_BYTES } from '../limits.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';

const TOPIC_PREFIX = '/portalgun/1/feed/';

export function topicOf(author: AuthorId): string {
  return `${TOPIC_PREFIX}${author}`;
}

export function authorOfTopic(topic: string): AuthorId | undefined {
  const author = topic.startsWith(TOPIC_PREFIX) ? topic.slice(TOPIC_PREFIX.length) : '';
  return isAuthorId(author) ? author : undefined;
}

/**
 * SHA-256 over `u32(len(topic)) ‖ topic ‖ data`. The length is there so that no other topic and data give the same
 * bytes: with plain `topic ‖ data` a message on a made-up topic suppresses a real one.
 */
export function messageId(topic: string, data: Uint8Array): Uint8Array {
  const topicBytes = Buffer.from(topic, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(topicBytes.length);
  return Uint8Array.from(createHash('sha256').update(length).update(topicBytes).update(data).digest());
}

/** Whom gossip is for. */
export interface Audience {
  readonly carries: (author: AuthorId) => boolean;
  readonly isTrusted: (peerId: string) => boolean;
}

/** The service for `createLibp2p`. */
export function gossipService(context: Audience) {
  const options: Partial<GossipsubOpts> = {
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => messageId(message.topic, message.data),
    fallbackToFloodsub: false,
    runOnLimitedConnection: true,
    doPX: false,
    floodPublish: true,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    maxInboundDataLength: GOSSIP_FRAME_MAX_BYTES,
    maxOutboundBufferSize: GOSSIP_OUTBOUND_MAX_BYTES,
    idontwantMinDataSize: GOSSIP_IDONTWANT_MIN_BYTES,
    // The first hook that sees a topic: what this node does not carry is neither kept nor passed on.
    dataTransform: {
      inboundTransform(topic, data) {
        const author = authorOfTopic(topic);
        if (author === undefined || !context.carries(author)) {
          throw new RefusedError('exchange/topic-not-carried', 'a message on a topic that this node does not carry');
        }
        if (data.length > ENVELOPE_MAX_BYTES) {
          throw new RefusedError('exchange/too-much', `a gossip message of ${data.length} bytes`);
        }
        return data;
      },
      outboundTransform: (_topic, data) => data,
    },
    scoreThresholds: {
      gossipThreshold: -10,
      publishThreshold: -50,
      graylistThreshold: -80,
      acceptPXThreshold: 10,
      opportunisticGraftThreshold: 5,
    },
    scoreParams: {
      // Peers behind one address are a household, or a test.
      IPColocationFactorWeight: 0,
      appSpecificScore: (peerId) => (context.isTrusted(peerId) ? 1_000 : 0),
      appSpecificWeight: 1,
    },
  };
  return gossipsub(options);
}

/** Our network is quiet, so mesh delivery is not scored; what is wrong for everybody is. */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshWeight: 0.01,
  timeInMeshQuantum: 1000,
  timeInMeshCap: 300,
  firstMessageDeliveriesWeight: 1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 50,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 60_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -100,
  invalidMessageDeliveriesDecay: 0.9,
};

/** What gossipsub has and its interface does not show: who is direct, and the scores of topics that come later. */
interface Insides {
  readonly direct: Set<string>;
  readonly opts: { readonly scoreParams: { readonly topics: Record<string, typeof TOPIC_SCORE> } };
}

export interface Gossip {
  /** Subscribes to what is carried now, and makes these peers direct ones. Called again whenever either may have changed. */
  refresh(carried: readonly AuthorId[], trusted: readonly PeerId[]): void;
  /** @returns the peers that it was sent to */
  publish(record: VerifiedRecord): Promise<readonly PeerId[]>;
}

const VERDICTS: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

export function startGossip(pubsub: GossipSub, judge: JudgeGossip): Gossip {
  const { direct, opts } = insidesOf(pubsub);
  const validate = async (peer: PeerId, message: Message): Promise<TopicValidatorResult> => {
    const author = authorOfTopic(message.topic);
    return author === undefined
      ? TopicValidatorResult.Ignore
      : VERDICTS[await judge(peer.toString(), author, message.data).verdict];
  };
  return {
    refresh(carried, trusted) {
      const wanted = new Set(carried.map(topicOf));
      for (const topic of pubsub.getTopics()) {
        if (wanted.has(topic)) continue;
        pubsub.unsubscribe(topic);
        pubsub.topicValidators.delete(topic);
      }
      const subscribed = new Set(pubsub.getTopics());
      for (const topic of wanted) {
        if (subscribed.has(topic)) continue;
        opts.scoreParams.topics[topic] = TOPIC_SCORE;
        pubsub.topicValidators.set(topic, validate);
        pubsub.subscribe(topic);
      }
      const trustedIds = new Set(trusted.map((peer) => peer.toString()));
      for (const peer of direct) if (!trustedIds.has(peer)) direct.delete(peer);
      for (const peer of trustedIds) direct.add(peer);
    },
    async publish(record) {
      const { author, scope } = record.link;
      if (scope !== PUBLIC_SCOPE) {
        throw new RefusedError('exchange/private-scope', 'a record of a private group never goes on gossip');
      }
      const { recipients } = await pubsub.publish(topicOf(author), record.envelope);
      return recipients;
    },
  };
}

function insidesOf(pubsub: object): Insides {
  if ('direct' in pubsub && pubsub.direct instanceof Set && 'opts' in pubsub) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked as far as it can be; the tests rely on it
    return pubsub as Insides;
  }
  throw new FailedError('exchange/gossip-changed', 'this version of @libp2p/gossipsub has no direct peers to set');
}
