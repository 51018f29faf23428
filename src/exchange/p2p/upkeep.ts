/** What a node keeps in order around it: the topics it listens to, the feeds it can give, its places at relays. */
import type { OwnStore } from '../store/types.ts';
import type { Discovery } from './libp2p/discovery.ts';
import type { Gossip } from './libp2p/gossip.ts';
import type { Places } from './libp2p/places.ts';
import type { Shortcuts } from './libp2p/shortcuts.ts';
import type { OnTrouble } from './protocol.ts';
import type { Standing } from './standing.ts';
import type { ExchangeTiming } from './types.ts';
import { asError } from '../../errors.ts';

export interface UpkeepOptions {
  readonly store: OwnStore;
  readonly standing: Standing;
  readonly gossip: Gossip;
  readonly discovery: Discovery;
  readonly places: Places;
  readonly shortcuts: Shortcuts;
  readonly timing: ExchangeTiming;
  readonly onTrouble: OnTrouble;
  readonly stopping: AbortSignal;
}

export interface Upkeep {
  /** Policy may have changed: whose topics are listened to, and who is told directly. */
  refresh(): void;
  /** Peers or feeds have come: what follows from it is done once, a moment later, for they come in numbers. */
  settle(): void;
  /** Work that nobody waits for; what goes wrong is told. */
  inBackground(what: string, work: () => Promise<unknown>): void;
}

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { store, standing, gossip, discovery, places, shortcuts, timing, onTrouble, stopping } = options;
  const { acquaintance, carried, trusted } = standing;
  const provideFeeds = async (): Promise<void> => {
    const held = new Set((await store.heads()).map(({ author }) => author));
    await discovery.provide(
      carried().filter((author) => held.has(author)),
      stopping,
    );
  };
  let settling: NodeJS.Timeout | undefined;
  const upkeep: Upkeep = {
    refresh: () =>
      gossip.refresh(
        carried(),
        trusted().map(({ author }) => acquaintance.peerOf(author)),
      ),
    settle() {
      if (stopping.aborted) return;
      settling ??= setTimeout(() => {
        settling = undefined;
        upkeep.inBackground('providing feeds', provideFeeds);
      }, timing.settleMs);
    },
    inBackground(what, work) {
      if (stopping.aborted) return;
      work().catch((error: unknown) => onTrouble(what, 'this node', asError(error)));
    },
  };
  const timer = setInterval(() => {
    upkeep.refresh();
    upkeep.settle();
    places.tryAgain();
    shortcuts.tryAgain();
  }, timing.syncIntervalMs);
  stopping.addEventListener(
    'abort',
    () => {
      clearInterval(timer);
      clearTimeout(settling);
    },
    { once: true },
  );
  return upkeep;
}
