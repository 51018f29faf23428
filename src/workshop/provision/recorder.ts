/** A person's hands on a running machine, with what the screen showed before and after each of their inputs. */
import { UsageError } from '../../errors.ts';
import type { MachineEvent } from '../machine/types.ts';
import type { GuestServices } from '../network/guest-services.ts';
import type { ScreenText } from '../screen/types.ts';
import type { Typist } from './acts.ts';
import type { Bench } from './bench.ts';
import type { Sighting } from './harvest.ts';
import {
  RECORDED_ECHO_MS,
  RECORDED_INPUTS,
  RECORDED_LATE_ECHO_MS,
  RECORDED_PACE_MS,
  RECORDED_SIGHTINGS,
} from './limits.ts';
import type { Observation, Observer } from './observer.ts';
import type { Input, RecordedInput, Recording } from './recording.ts';
import { screenChanged } from './stillness.ts';

/** A running machine for whoever works on it by hand. */
export interface LiveMachine {
  readonly observer: Pick<Observer, 'look' | 'next' | 'guestNow'>;
  readonly typist: Pick<Typist, 'press' | 'type'>;
  /** Makes eyes for what is not text, with the needles that the recipe has now. */
  readonly pictures: Bench['pictures'];
  /** How much slower than the reference this host runs a guest. */
  readonly hostFactor: number;
  /** Where the guest finds what is served; absent where nothing is. */
  readonly network?: Pick<GuestServices, 'serve'> | undefined;
}

export interface Recorder {
  /** Waits for the next moment worth a look. Rejects with what the machine rejects with. */
  next(signal: AbortSignal): Promise<Observation>;
  /** Throws `input/no-such-character` or `input/no-such-key` where the keyboard has none. */
  send(input: Input, signal: AbortSignal): Promise<void>;
  /** The state that the last input led to is one to come back to. */
  markCheckpoint(): void;
  /** All of it so far. It may hold what nobody is to read: keep it in memory, and show only the steps made of it. */
  recording(): Recording;
}

export async function startRecorder(live: LiveMachine, signal: AbortSignal): Promise<Recorder> {
  const { observer, typist, hostFactor } = live;
  const inputs: { -readonly [K in keyof RecordedInput]: RecordedInput[K] }[] = [];
  let start: readonly Sighting[] = [];
  let last = await observer.look(signal);
  let eventsBefore = last.events.length;
  note(last, true);

  /** Adds a look to what was seen since the last input. */
  function note(look: Observation, fresh: boolean): void {
    const current = inputs.at(-1);
    const seen = current?.seen ?? start;
    const at = look.frame.capturedAtMs;
    const latest = seen.at(-1);
    const same = latest !== undefined && !fresh && !screenChanged(last, look);
    const sightings = same
      ? [...seen.slice(0, -1), { ...latest, untilMs: at }]
      : [...seen, { screen: look.screen, fromMs: at, untilMs: at }];
    // The first says what was there at once, the last ones how it ended.
    const kept = sightings.length > RECORDED_SIGHTINGS ? sightings.toSpliced(1, 1) : sightings;
    if (current === undefined) start = kept;
    else current.seen = kept;
    last = look;
  }

  async function next(signal: AbortSignal): Promise<Observation> {
    const look = await observer.next(signal);
    if (look.current) note(look, false);
    return look;
  }

  /**
   * What was typed shows before the key after it goes out: else nobody could tell a slow echo from none. Where what was
   * typed before it showed, there is an echo to wait for.
   */
  async function echoOf(typed: RecordedInput | undefined, signal: AbortSignal): Promise<void> {
    if (typed === undefined || !('char' in typed.input)) return;
    const previous = inputs.at(-2);
    const echoes = previous !== undefined && 'char' in previous.input && differ(previous.before, typed.before);
    await shown(typed.before, echoes ? RECORDED_LATE_ECHO_MS : RECORDED_ECHO_MS, signal);
  }

  /** Waits for a change since then, so long at most (milliseconds, scaled). */
  async function shown(before: ScreenText, patienceMs: number, signal: AbortSignal): Promise<void> {
    const deadline = observer.guestNow() + patienceMs * hostFactor;
    while (!differ(last.screen, before) && observer.guestNow() < deadline) await next(signal);
  }

  /** As few bytes as can be: a keyboard's queue holds 16 of them, and a person may paste. */
  async function put(char: string, signal: AbortSignal): Promise<void> {
    if (/^[a-z0-9]$/.test(char)) return typist.press(char, signal);
    if (char === ' ') return typist.press('space', signal);
    await typist.type(char, { clear: false, echo: false }, signal);
  }

  return {
    next,
    async send(input, signal) {
      if (inputs.length >= RECORDED_INPUTS) {
        throw new UsageError('record/too-long', `a recording has at most ${RECORDED_INPUTS} inputs`, {
          hint: 'End it here; put long texts in a file on a disk of packages.',
        });
      }
      if (!('char' in input)) await echoOf(inputs.at(-1), signal);
      note(await observer.look(signal), false);
      const before = last.screen;
      eventsBefore = last.events.length;
      if ('char' in input) await put(input.char, signal);
      else await typist.press(input.key, signal);
      inputs.push({ input, before, seen: [] });
      note(await observer.look(signal), true);
      if ('char' in input) await shown(before, RECORDED_PACE_MS, signal);
    },
    markCheckpoint() {
      const current = inputs.at(-1);
      if (current !== undefined) current.checkpoint = true;
    },
    recording: () => ({ start, inputs, off: last.events.slice(eventsBefore).some(isOff) }),
  };
}

function differ(a: ScreenText, b: ScreenText): boolean {
  return a.lines.some((line, row) => line !== b.lines[row]);
}

function isOff(event: MachineEvent): boolean {
  return event.type === 'shutdown';
}
