/**
 * What a node does by itself, and when: dials whom it trusts, syncs on connect, on a timer, and where something hints
 * that a peer has news. Pure: it is told what happens and the time, and says what is due.
 */
import { dueForDial, nextDial } from './dialling.ts';
import type { DialState, DialTarget } from './dialling.ts';
import type { AgendaTiming } from './types.ts';

export type Task =
  | { readonly do: 'sync'; readonly peer: string }
  | { readonly do: 'dial'; readonly target: DialTarget };

export interface AgendaOptions {
  readonly timing: AgendaTiming;
  readonly targets: () => readonly DialTarget[];
  readonly isConnected: (target: DialTarget) => boolean;
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

interface PeerState {
  syncing: boolean;
  /** Somebody wants a sync before the timer does. */
  wanted: boolean;
  /** Wishes wait until then, after a failure or where the peer said so. */
  notBefore: number;
  timerAt: number;
  failures: number;
}

export class Agenda {
  readonly #options: AgendaOptions;
  readonly #peers = new Map<string, PeerState>();
  readonly #dials = new Map<string, DialState>();
  readonly #dialling = new Set<string>();
  #nextDialAt = 0;
  /** When peers are asked because we have got something that they may lack; and who has it already. */
  #news: { at: number; from: Set<string> } | undefined;

  constructor(options: AgendaOptions) {
    this.#options = options;
  }

  /** Peers with whom one can sync. */
  get peers(): string[] {
    return [...this.#peers.keys()];
  }

  connected(peer: string): void {
    const now = this.#options.now();
    const state = this.#peers.get(peer);
    if (state !== undefined) state.wanted = true;
    else this.#peers.set(peer, { syncing: false, wanted: true, notBefore: 0, timerAt: this.#timer(now), failures: 0 });
  }

  disconnected(peer: string): void {
    this.#peers.delete(peer);
  }

  /** A hint that this peer has something new. It waits where the peer is waited for. */
  want(peer: string): void {
    const state = this.#peers.get(peer);
    if (state !== undefined) state.wanted = true;
  }

  /** A person wants it: now. */
  demand(peer: string): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    state.wanted = true;
    state.notBefore = 0;
  }

  /**
   * We have got something by sync, or found a fork: our questions tell the other peers that we have more, and they ask
   * in their turn. Gathered for a moment, for news come in numbers.
   */
  news(from: string | undefined): void {
    this.#news ??= { at: this.#options.now() + this.#options.timing.settleMs, from: new Set() };
    if (from !== undefined) this.#news.from.add(from);
  }

  syncEnded(peer: string, trouble?: { readonly retryAfterMs: number }): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    const now = this.#options.now();
    state.syncing = false;
    state.timerAt = this.#timer(now);
    if (trouble === undefined) {
      state.failures = 0;
      return;
    }
    state.failures += 1;
    const { syncRetryMs, syncIntervalMs } = this.#options.timing;
    const backoffMs = Math.min(syncIntervalMs, syncRetryMs * 2 ** Math.min(state.failures - 1, 30));
    state.notBefore = now + Math.max(trouble.retryAfterMs, backoffMs * (0.5 + this.#options.random() / 2));
    state.wanted = true;
  }

  dialEnded(key: string): void {
    this.#dialling.delete(key);
  }

  /** Dials are due at once, whatever was waited for: the policy has changed, or the node has just started. */
  dialNow(): void {
    this.#nextDialAt = 0;
  }

  /** What is due. It counts as begun: `syncEnded` and `dialEnded` must follow. */
  due(): Task[] {
    const now = this.#options.now();
    if (this.#news !== undefined && this.#news.at <= now) {
      for (const [peer, state] of this.#peers) if (!this.#news.from.has(peer)) state.wanted = true;
      this.#news = undefined;
    }
    const tasks: Task[] = [];
    for (const [peer, state] of this.#peers) {
      if (state.syncing || dueAt(state) > now) continue;
      state.syncing = true;
      state.wanted = false;
      tasks.push({ do: 'sync', peer });
    }
    return this.#nextDialAt <= now ? [...tasks, ...this.#dueDials(now)] : tasks;
  }

  /** When to ask for `due` again, if nothing happens before. */
  wakeAt(): number {
    let at = Math.min(this.#nextDialAt, this.#news?.at ?? Number.POSITIVE_INFINITY);
    for (const state of this.#peers.values()) if (!state.syncing) at = Math.min(at, dueAt(state));
    return at;
  }

  #dueDials(now: number): Task[] {
    const { targets: all, timing, isConnected, random } = this.#options;
    this.#nextDialAt = now + timing.redialBaseMs;
    const targets = all();
    const keys = new Set(targets.map(({ key }) => key));
    for (const key of this.#dials.keys()) if (!keys.has(key)) this.#dials.delete(key);
    for (const target of targets) if (isConnected(target)) this.#dials.delete(target.key);
    const due = dueForDial(targets, this.#dials, isConnected, now).filter(({ key }) => !this.#dialling.has(key));
    for (const { key } of due) {
      this.#dialling.add(key);
      this.#dials.set(key, nextDial(this.#dials.get(key), timing, now, random()));
    }
    return due.map((target): Task => ({ do: 'dial', target }));
  }

  /** A little earlier or later each time, so that the network does not sync in one beat. */
  #timer(now: number): number {
    return now + this.#options.timing.syncIntervalMs * (0.9 + this.#options.random() / 5);
  }
}

function dueAt({ wanted, notBefore, timerAt }: PeerState): number {
  return wanted ? notBefore : Math.max(timerAt, notBefore);
}
