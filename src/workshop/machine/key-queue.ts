/**
 * Keys wait in the keyboard's queue until the guest reads them. QEMU drops what does not fit without a word, key releases too, and
 * then Shift sticks: so nothing is put into a queue that may be full. How many bytes are in it nobody can ask; whether any is, the
 * controller says.
 */
import { setTimeout } from 'node:timers/promises';
import { FailedError } from '../../errors.ts';
import { KEY_QUEUE_BYTES, KEYS_LOOK_MS, KEYS_UNREAD_MS } from './limits.ts';
import type { KeyEvent } from './types.ts';

export interface KeyQueueTime {
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

const HOST_TIME: KeyQueueTime = { now: () => performance.now(), sleep: (ms) => setTimeout(ms) };

export class KeyQueue {
  readonly #isEmpty: () => Promise<boolean>;
  readonly #time: KeyQueueTime;
  /** At most so many are in it. A machine that was restored may have brought some along. */
  #bytes = KEY_QUEUE_BYTES;

  /** `isEmpty`: whether the guest has read all that there is. */
  constructor(isEmpty: () => Promise<boolean>, time: KeyQueueTime = HOST_TIME) {
    this.#isEmpty = isEmpty;
    this.#time = time;
  }

  /** Resolves once there is room for these keys. Rejects with `machine/keys-unread` where the guest reads none for a minute. */
  async room(keys: readonly KeyEvent[]): Promise<void> {
    const bytes = keyboardBytes(keys);
    if (this.#bytes + bytes > KEY_QUEUE_BYTES) {
      const startedMs = this.#time.now();
      while (!(await this.#isEmpty())) {
        if (this.#time.now() - startedMs > KEYS_UNREAD_MS) throw unread();
        await this.#time.sleep(KEYS_LOOK_MS);
      }
      this.#bytes = 0;
    }
    this.#bytes += bytes;
  }
}

function unread(): FailedError {
  return new FailedError(
    'machine/keys-unread',
    `the guest has not read its keyboard for ${KEYS_UNREAD_MS / 1000} seconds`,
    { hint: 'it hangs, or is not ready for input yet: wait for what shows when it is' },
  );
}

/**
 * Bytes that a PS/2 keyboard sends for these events (scan code set 2): one for a press, two for a release, one more each for
 * the keys that came with the 101-key board. Fewer where the controller translates them.
 */
export function keyboardBytes(events: readonly KeyEvent[]): number {
  return events.reduce((sum, { key, down }) => sum + (down ? 1 : 2) + (EXTENDED.has(key) ? 1 : 0), 0);
}

const EXTENDED: ReadonlySet<string> = new Set(
  'up down left right home end pgup pgdn insert delete alt_r ctrl_r meta_l meta_r menu print'.split(' '),
);
