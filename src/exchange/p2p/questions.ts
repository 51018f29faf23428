/** What a person's commands ask of peers, one question each; the answers are admitted, or checked by whoever asked. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerId } from '@libp2p/interface';
import type { Digest } from '../../crypto/digest.ts';
import { asError, InterruptedError, UnavailableError } from '../../errors.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import { requireBlobType } from './protocols/blob.ts';
import type { Discovery } from './libp2p/discovery.ts';
import type { Driver } from './libp2p/driver.ts';
import type { Participant } from './participant.ts';
import type { OnTrouble } from './protocol.ts';
import type { Reach } from './libp2p/reach.ts';
import type { Standing } from './standing.ts';
import { curesSymptom } from './protocols/symptom.ts';
import type { Exchange, ExchangeOptions } from './types.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';

export interface QuestionsOptions {
  readonly self: AuthorId;
  readonly store: ExchangeOptions['store'];
  readonly blobTypes: ExchangeOptions['blobTypes'];
  readonly standing: Standing;
  readonly reach: Reach;
  readonly participant: Participant;
  readonly driver: Driver;
  readonly discovery: Discovery;
  /** So long `confirmOwnHead` waits. */
  readonly ownHeadWaitMs: number;
  readonly onTrouble: OnTrouble;
  readonly stopping: AbortSignal;
}

export type Questions = Pick<
  Exchange,
  'confirmOwnHead' | 'askSymptom' | 'fetchBlob' | 'compareList' | 'challenge' | 'findFeed'
>;

export function createQuestions(options: QuestionsOptions): Questions {
  const { self, store, blobTypes, standing, reach, participant, driver, discovery, onTrouble, stopping } = options;
  const { acquaintance, carries, trusted } = standing;
  return {
    async confirmOwnHead(by, { mayHaveForgotten } = { mayHaveForgotten: false }) {
      // Publishing waits for this: one slow peer must not hold it.
      const tooLong = AbortSignal.timeout(options.ownHeadWaitMs);
      const until = AbortSignal.any([stopping, by, tooLong]);
      const agrees = async (peer: PeerId): Promise<boolean> => {
        const held = await driver.ask(peer, participant.askOwnHead(peer.toString()), until);
        if (held.id === null) return !mayHaveForgotten;
        return (await store.idAt(self, PUBLIC_SCOPE, held)) === held.id;
      };
      const confirm = async (author: AuthorId): Promise<AuthorId> => {
        const peer = acquaintance.peerOf(author);
        try {
          if (await agrees(peer)) return author;
          await driver.sync(peer, until);
          if (await agrees(peer)) return author;
          throw new UnavailableError('exchange/not-confirmed', `${author} has another end of this feed, or none`);
        } catch (error) {
          if (!by.aborted) onTrouble('asking for the own head', peer.toString(), asError(error));
          throw error;
        }
      };
      const connected = trusted().filter(({ author }) => reach.isConnected(acquaintance.peerOf(author).toString()));
      try {
        return await Promise.any(connected.map(({ author }) => confirm(author)));
      } catch (cause) {
        if (by.aborted) throw new InterruptedError('asking for the own head was interrupted', { cause });
        return null;
      }
    },
    async askSymptom(symptom, by) {
      const found = new Map<Digest, VerifiedRecord>();
      const askPeer = async (author: AuthorId): Promise<void> => {
        const peer = await reach.connectedTo(author, by);
        const places = await driver.ask(peer, participant.askSymptom(peer.toString(), symptom), by);
        const wanted = places.filter((place) => carries(place.author));
        if (wanted.length === 0) return;
        const missing = await Promise.all(wanted.map(async ({ id }) => (await store.get(id)) === undefined));
        if (missing.includes(true)) await driver.sync(peer, by);
        for (const { id } of wanted) {
          const record = await store.get(id);
          if (record !== undefined && curesSymptom(record, symptom)) found.set(id, record);
        }
      };
      await Promise.all(
        trusted().map(({ author }) =>
          askPeer(author).catch((error: unknown) => onTrouble('asking for a symptom', author, asError(error))),
        ),
      );
      return [...found.values()];
    },
    async fetchBlob(author, type, digest, by) {
      requireBlobType(blobTypes, type);
      const peer = await reach.connectedTo(author, by);
      return driver.ask(peer, participant.askBlob(peer.toString(), type, digest), by);
    },
    async compareList(author, type, digest, own, by) {
      requireBlobType(blobTypes, type);
      const peer = await reach.connectedTo(author, by);
      return driver.ask(peer, participant.compareList(peer.toString(), type, digest, own), by);
    },
    async challenge(author, challenge, by) {
      const peer = await reach.connectedTo(author, by);
      const until = AbortSignal.any([stopping, by]);
      const rest = async (ms: number): Promise<void> => {
        await sleep(ms, undefined, { signal: until }).catch((cause: unknown) => {
          throw new InterruptedError('a challenge was interrupted', { cause });
        });
      };
      return driver.ask(peer, participant.challenge(peer.toString(), challenge, rest), by);
    },
    async findFeed(author, by) {
      let found = 0;
      try {
        for await (const { id, multiaddrs } of discovery.find(author, AbortSignal.any([stopping, by]))) {
          try {
            if (!reach.isConnected(id.toString())) await reach.dial(multiaddrs, by, id.toString());
            await driver.sync(id, by);
            found += 1;
          } catch (error) {
            onTrouble(`looking for the feed of ${author}`, id.toString(), asError(error));
          }
        }
      } catch (cause) {
        if (by.aborted) throw new InterruptedError('the search for a feed was interrupted', { cause });
        onTrouble(`looking for the feed of ${author}`, 'the DHT', asError(cause));
      }
      return found;
    },
  };
}
