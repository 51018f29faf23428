/**
 * A terminal behind a bad keyboard controller, as a `Machine`: each key event may be lost, doubled, or held back for some
 * frames. It has a line editor that wraps, scrolls, and takes backspaces; its screen is read with eyes of its own.
 */
import { KEYBOARDS, strokeOn, type KeyboardName } from '../../../src/recipe/keyboards.ts';
import type { Clock } from '../../../src/workshop/input/watch.ts';
import type { Frame, KeyEvent, Machine } from '../../../src/workshop/machine/types.ts';
import type { Eyes, ScreenText } from '../../../src/workshop/screen/types.ts';
import { seeded } from '../../support/random.ts';
import { screenOf } from '../screen/painted.ts';

export interface Faults {
  /** Probability of each for one key event. */
  readonly drop?: number;
  readonly double?: number;
  readonly delay?: number;
  readonly seed?: number;
}

export interface SimulatedOptions extends Faults {
  readonly columns?: number;
  readonly rows?: number;
  /** What stands on the screen at first; the cursor is after its last character. */
  readonly lines?: readonly string[];
  readonly prefilled?: string;
  /** What the terminal shows for a typed character; default: itself. Null: nothing. */
  readonly shows?: (char: string) => string | null;
  /** Default `us`. */
  readonly layout?: KeyboardName;
  /** Something else that changes with every frame, in the first row. */
  readonly clock?: boolean;
}

export interface Simulated {
  readonly machine: Machine;
  readonly eyes: Eyes;
  /** Its time passes with frames and pauses, as fast as the test runs. */
  readonly clock: Clock;
  /** What the line editor holds. */
  text(): string;
  /** Keys that are down now. */
  down(): readonly string[];
  screen(): ScreenText;
  /** Largest number of characters that waited for their echo at any time. */
  mostInFlight(): number;
}

/** What a picture of the screen takes on a host. */
const FRAME_MS = 4;

/** What each key of a layout types, by what is held. */
const CHARACTERS: ReadonlyMap<KeyboardName, ReadonlyMap<string, string>> = new Map(
  KEYBOARDS.map((layout) => [
    layout,
    new Map(
      [...Array.from({ length: 0x180 - 32 }, (_, index) => String.fromCharCode(32 + index)), '\u20ac'].flatMap(
        (char) => {
          const stroke = strokeOn(layout, char);
          return stroke ? [[`${stroke.shift ? '+' : ''}${stroke.altgr ? '^' : ''}${stroke.key}`, char] as const] : [];
        },
      ),
    ),
  ]),
);

export function simulatedTerminal(options: SimulatedOptions = {}): Simulated {
  const {
    columns = 80,
    rows = 25,
    drop = 0,
    double = 0,
    delay = 0,
    seed = 1,
    layout = 'us',
    shows = (char: string) => char,
  } = options;
  const random = seeded(seed);
  const history = [...(options.lines ?? ['login: '])];
  const prompt = history.pop() ?? '';
  const down = new Set<string>();
  let queue: { readonly event: KeyEvent; readonly frame: number }[] = [];
  let buffer = options.prefilled ?? '';
  let frames = 0;
  let nowMs = 0;
  let mostInFlight = 0;
  let top = 0;

  function handle({ key, down: pressed }: KeyEvent): void {
    if (!pressed) {
      down.delete(key);
      return;
    }
    down.add(key);
    if (key === 'backspace') buffer = buffer.slice(0, -1);
    const held = `${down.has('shift') ? '+' : ''}${down.has('alt_r') ? '^' : ''}`;
    const char = CHARACTERS.get(layout)?.get(`${held}${key}`);
    if (char !== undefined) buffer += char;
  }

  function tick(): void {
    frames++;
    nowMs += FRAME_MS;
    // In order: what is held back holds back all that comes after it.
    while (queue[0] && queue[0].frame <= frames) handle(queue.shift()!.event);
  }

  function screen(): ScreenText {
    const shown = prompt + Array.from(buffer, (char) => shows(char) ?? '').join('');
    const wrapped: string[] = [];
    for (let at = 0; at === 0 || at < shown.length; at += columns) wrapped.push(shown.slice(at, at + columns));
    const all = [...history, ...wrapped];
    // What has scrolled off does not come back when text is erased.
    top = Math.max(top, all.length - rows);
    const lines = all.slice(top, top + rows);
    while (lines.length < rows) lines.push('');
    if (options.clock === true) lines[0] = `${frames}`.padStart(columns, '.');
    return screenOf(lines, { columns });
  }

  const machine: Machine = {
    accelerator: 'tcg',
    qemuVersion: '0.0.0',
    running: true,
    frame: () => {
      tick();
      const frame: Frame = {
        width: 0,
        height: 0,
        rgb: new Uint8Array(),
        sequence: frames,
        capturedAtMs: performance.now(),
      };
      return Promise.resolve(frame);
    },
    sendKeys: (events) => {
      let frame = Math.max(frames + 1, queue.at(-1)?.frame ?? 0);
      for (const event of events) {
        const luck = random();
        if (luck < drop) continue;
        if (luck < drop + delay) frame += 1;
        queue.push({ event, frame });
        if (luck > 1 - double) queue.push({ event, frame });
      }
      mostInFlight = Math.max(
        mostInFlight,
        queue.filter(({ event }) => event.down && event.key !== 'shift' && event.key !== 'alt_r').length,
      );
      return Promise.resolve();
    },
    sendPointer: unused,
    pointerReady: () => Promise.resolve(false),
    serialOutput: () => new Uint8Array(),
    writeSerial: unused,
    port: unused,
    power: unused,
    onEvent: () => () => undefined,
    withheldMs: () => 0,
    memoryBytes: 0,
    changeMedium: () => Promise.reject(new Error('it has no drives')),
    readMemory: unused,
    vgaMemoryAddress: () => Promise.resolve(null),
    save: unused,
    diskFiles: () => ({}),
    close: () => Promise.resolve(),
  };
  return {
    machine,
    eyes: { read: () => screen(), learn: () => undefined },
    clock: {
      now: () => nowMs,
      sleep: (ms) => {
        nowMs += ms;
        return Promise.resolve();
      },
    },
    text: () => {
      while (queue.length > 0) tick();
      return buffer;
    },
    down: () => [...down],
    screen,
    mostInFlight: () => mostInFlight,
  };
}

function unused(): Promise<never> {
  return Promise.reject(new Error('a simulated terminal has no such thing'));
}
