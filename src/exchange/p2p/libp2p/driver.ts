/** Does on libp2p what a participant's agenda says is due, when it is: syncs and dials, and nothing twice at a time. */
import type { PeerId } from '@libp2p/interface';
import { UnsupportedProtocolError } from '@libp2p/interface';
import type { Libp2p } from '@libp2p/interface';
import { asError, UnavailableError } from '../../../errors.ts';
import { isAuthorId } from '../../record/identity.ts';
import type { AuthorId } from '../../record/types.ts';
import type { Conversation } from '../conversation.ts';
import { converse } from './converse.ts';
import type { DialTarget } from '../dialling.ts';
import type { Participant } from '../participant.ts';
import type { OnTrouble } from '../protocol.ts';
import { parseAddress } from './reach.ts';
import type { Reach } from './reach.ts';
import { acrossShortcut } from './shortcuts.ts';
import { createSyncs } from './syncs.ts';

export interface DriverOptions {
  readonly node: Libp2p;
  readonly participant: Participant;
  readonly reach: Reach;
  readonly authorOf: (peerId: string) => AuthorId | null;
  readonly isFriend: (peerId: string) => boolean;
  /** So long `syncAll` waits for who is no friend. */
  readonly strangerWaitMs: number;
  readonly onSynced: (author: AuthorId | null) => void;
  readonly onTrouble: OnTrouble;
  readonly now: () => number;
  /** Aborted when the node stops: nothing is begun any more. */
  readonly stopping: AbortSignal;
}

export interface Driver {
  /** Until then nothing is done. */
  start(): void;
  /** Something may have become due. */
  schedule(): void;
  /** A peer that speaks our protocols is connected. */
  met(peer: PeerId): void;
  left(peer: PeerId): void;
  /** Asks one peer. Rejects as the conversation does, or where `by` or the node ends it. */
  ask<Result>(peer: PeerId, conversation: Conversation<Result>, by?: AbortSignal): Promise<Result>;
  /** A sync that begins after this; who asks meanwhile shares it, so only the node's own stop ends it. */
  sync(peer: PeerId, by?: AbortSignal): Promise<void>;
  /**
   * As `sync`, with everybody who is connected; what goes wrong with one is told to `onTrouble`. Strangers are not waited for
   * for long: one that trickles would hold up whoever asks.
   */
  syncAll(by: AbortSignal): Promise<void>;
  /** Resolves when nothing runs any more. */
  stop(): Promise<void>;
}

export function createDriver(options: DriverOptions): Driver {
  const { node, participant, reach, onTrouble, now, stopping } = options;
  const { agenda } = participant;
  const peers = new Map<string, PeerId>();
  let timer: NodeJS.Timeout | undefined;
  let scheduled = false;
  let started = false;

  const ask: Driver['ask'] = (peer, conversation, by) =>
    converse(node, peer, conversation, by === undefined ? stopping : AbortSignal.any([stopping, by]));

  const syncs = createSyncs(async (key) => {
    const peer = peers.get(key);
    if (peer === undefined) return;
    try {
      await acrossShortcut(node, peer, () => ask(peer, participant.syncWith(key)), stopping);
    } catch (error) {
      // A bootstrap node, or some other libp2p node: connected, with nothing to tell.
      if (!(error instanceof UnsupportedProtocolError)) throw error;
      agenda.disconnected(key);
      return;
    }
    for (const question of participant.groupSyncsWith(key)) {
      // One that is not in the group, by its own list, is no reason to doubt the sync that has just ended well.
      await ask(peer, question).catch((error: unknown) => onTrouble('group sync', key, asError(error)));
    }
  });

  const dial = async ({ key, addresses }: DialTarget): Promise<void> => {
    try {
      await (isAuthorId(key)
        ? reach.dialAuthor(key, addresses, stopping)
        : reach.dial(addresses.map(parseAddress), stopping));
    } catch (error) {
      onTrouble('dialling', key, asError(error));
    } finally {
      agenda.dialEnded(key);
    }
  };

  const runSync = async (key: string): Promise<void> => {
    try {
      await syncs.run(key);
      participant.syncEnded(key);
      options.onSynced(options.authorOf(key));
    } catch (error) {
      onTrouble('sync', key, asError(error));
      participant.syncEnded(key, asError(error));
    }
  };

  /** Does what is due, and wakes up when something else will be. */
  const pump = (): void => {
    scheduled = false;
    clearTimeout(timer);
    if (stopping.aborted || !started) return;
    for (const task of agenda.due()) void (task.do === 'sync' ? runSync(task.peer) : dial(task.target));
    timer = setTimeout(pump, Math.max(0, agenda.wakeAt() - now()));
  };

  const driver: Driver = {
    start() {
      started = true;
      driver.schedule();
    },
    schedule() {
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(pump);
    },
    met(peer) {
      peers.set(peer.toString(), peer);
      agenda.connected(peer.toString());
      driver.schedule();
    },
    left(peer) {
      const key = peer.toString();
      peers.delete(key);
      agenda.disconnected(key);
      syncs.forget(key, new UnavailableError('exchange/unreachable', `${key} has gone`));
    },
    ask,
    sync(peer, by = stopping) {
      const key = peer.toString();
      driver.met(peer);
      agenda.demand(key);
      const next = syncs.next(key);
      driver.schedule();
      return unlessAborted(by, next);
    },
    async syncAll(by) {
      const briefly = AbortSignal.any([by, AbortSignal.timeout(options.strangerWaitMs)]);
      await Promise.all(
        agenda.peers.map(async (key) => {
          const peer = peers.get(key);
          const patience = options.isFriend(key) ? by : briefly;
          // What went wrong has been told already, to whoever runs the node.
          if (peer !== undefined) await driver.sync(peer, patience).catch(() => undefined);
        }),
      );
    },
    async stop() {
      clearTimeout(timer);
      await syncs.idle();
    },
  };
  return driver;
}

/** Stops waiting, not the work. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(asError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
