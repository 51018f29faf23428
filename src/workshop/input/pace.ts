/** How fast a guest takes keys: fast until it loses one, then slower, and faster again after a run of good echoes. */
import { BLIND_KEY_MS, CHARACTERS_IN_FLIGHT, KEYBOARD_QUEUE_BYTES, SLOWEST_KEY_MS } from './limits.ts';
import { DEFAULT_KEYBOARD, type KeyboardName } from '../../recipe/keyboards.ts';
import { keyboardBytes } from '../machine/key-queue.ts';
import { textEvents } from './keyboard.ts';

export interface Pace {
  /** Characters before their echo is awaited. */
  inFlight: number;
  /** Pause after each call, milliseconds. */
  gapMs: number;
  /** Good chunks since the last change. */
  streak: number;
}

/** Good chunks before trying to be faster again. */
const STREAK = 8;

export function createPace(): Pace {
  return { inFlight: CHARACTERS_IN_FLIGHT, gapMs: 0, streak: 0 };
}

export function slowDown(pace: Pace): void {
  pace.inFlight = Math.max(1, Math.floor(pace.inFlight / 2));
  pace.gapMs = Math.min(SLOWEST_KEY_MS, Math.max(BLIND_KEY_MS, pace.gapMs * 2));
  pace.streak = 0;
}

export function noteSuccess(pace: Pace): void {
  pace.streak++;
  if (pace.streak < STREAK) return;
  pace.inFlight = Math.min(CHARACTERS_IN_FLIGHT, pace.inFlight + 1);
  pace.gapMs = Math.floor(pace.gapMs / 2);
  pace.streak = 0;
}

/**
 * What to send next: at most `inFlight` characters that fit in the keyboard's queue. It does not end in a blank where it
 * can help it, because a blank at the end cannot be seen: blanks go with the character after them. At the `beginning` of a
 * field it is one character that can be seen, with the blanks before it: until the field's place is known, what was sent in
 * vain could not be found again.
 */
export function nextChunk(
  text: string,
  { inFlight }: Pace,
  beginning = false,
  layout: KeyboardName = DEFAULT_KEYBOARD,
): string {
  const blanks = text.length - text.trimStart().length;
  const most = Math.min(CHARACTERS_IN_FLIGHT, Math.max(beginning ? 1 : inFlight, blanks + 1));
  let chunk = '';
  for (const char of text) {
    if (chunk.length >= most || keyboardBytes(textEvents(chunk + char, layout)) > KEYBOARD_QUEUE_BYTES) break;
    chunk += char;
  }
  const visible = chunk.trimEnd();
  return visible === '' || chunk.length === text.length ? chunk : visible;
}
