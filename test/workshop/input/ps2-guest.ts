/**
 * A guest behind a PS/2 keyboard, in time of its own: the queue of 16 bytes that drops what does not fit, faults by a seeded
 * generator, a driver that reads bytes now and then, and a line editor on a screen. What it holds is known apart from its screen.
 */
import { KEYBOARDS, strokeOn, type KeyboardName } from '../../../src/recipe/keyboards.ts';
import { keyboardBytes } from '../../../src/workshop/machine/key-queue.ts';
import type { Clock } from '../../../src/workshop/input/watch.ts';
import type { KeyEvent, Machine } from '../../../src/workshop/machine/types.ts';
import type { Eyes, ScreenText } from '../../../src/workshop/screen/types.ts';
import { seeded } from '../../support/random.ts';

export interface Ps2Faults {
  /** Probability for each key event to be lost, to come twice, or to find the guest busy for up to `busyMs`. */
  readonly drop?: number;
  readonly double?: number;
  readonly delay?: number;
  readonly busyMs?: number;
  readonly seed?: number;
}

export interface Ps2Options extends Ps2Faults {
  readonly layout?: KeyboardName;
  readonly columns?: number;
  readonly rows?: number;
  /** Milliseconds that the guest takes for each byte of the keyboard. */
  readonly byteMs?: number;
  /** Milliseconds from a character to its echo on the screen. */
  readonly echoMs?: number;
  /**
   * Milliseconds for which the guest sets its keyboard up anew once it has read the release of a Shift that it holds for
   * released, as Linux does: behind a PC's keyboard controller this is the byte of a keyboard that was just plugged in.
   * What is in the queue is gone then, and what comes meanwhile.
   */
  readonly setUpMs?: number;
  /** Until then the guest reads nothing: it has other things to do, or is given no time by its host. */
  readonly asleepMs?: number;
  /** Characters after which it shows them, and then reads nothing for five seconds. */
  readonly sleepsAfter?: number;
  /** Until then the screen is empty: a shell that is busy takes what is typed, and shows it behind its prompt later. */
  readonly promptMs?: number;
  /** Told each key that the guest has read. */
  readonly onKey?: (event: KeyEvent) => void;
}

export interface Ps2Guest {
  readonly machine: Machine;
  readonly eyes: Eyes;
  readonly clock: Clock;
  /** What the line editor holds once all that is under way has arrived. */
  text(): string;
  /** Enter, as if typed by somebody with a better keyboard: the line becomes history. */
  newLine(): void;
  /** Modifiers that the guest believes to be held. */
  held(): readonly string[];
  /** Bytes that did not fit into the queue. */
  overflowed(): number;
  /** Bytes that wait for the guest. */
  unread(): number;
  readonly injected: { lost: number; doubled: number; busy: number };
  /** Times that the guest set its keyboard up anew. */
  setUps(): number;
}

export const QUEUE_BYTES = 16;
const PROMPT = '~ # ';
const MODIFIERS = ['shift', 'shift_r', 'ctrl', 'alt', 'alt_r', 'meta_l'];
/** A picture of the screen, and a command to QEMU: what they cost on a host, in this guest's time. */
const FRAME_MS = 4;
const COMMAND_MS = 0.4;

const CHARACTERS = new Map(
  KEYBOARDS.map((layout) => {
    const characters = new Map<string, string>();
    for (let code = 0x20; code < 0x180; code++) {
      const char = String.fromCharCode(code);
      const stroke = strokeOn(layout, char);
      if (stroke) characters.set(heldKey(stroke.key, stroke.shift, stroke.altgr), char);
    }
    return [layout, characters] as const;
  }),
);

function heldKey(key: string, shift: boolean, altgr: boolean): string {
  return `${shift ? '+' : ''}${altgr ? '^' : ''}${key}`;
}

export function ps2Guest(options: Ps2Options = {}): Ps2Guest {
  const { drop = 0, double = 0, delay = 0, busyMs = 60, seed = 1, layout = 'us' } = options;
  const {
    columns = 80,
    rows = 12,
    byteMs = 0.5,
    echoMs = 2,
    promptMs = 0,
    asleepMs = 0,
    sleepsAfter,
    setUpMs = 1,
    onKey,
  } = options;
  const random = seeded(seed);
  const characters = CHARACTERS.get(layout)!;
  const injected = { lost: 0, doubled: 0, busy: 0 };
  /** Whole events: what does not fit is lost whole, as QEMU loses it. */
  const queue: { readonly event: KeyEvent; readonly bytes: number }[] = [];
  /** Lines as they were when it was `atMs`: the screen is drawn a moment after the editor has changed. */
  const drawn: { readonly atMs: number; readonly lines: readonly string[] }[] = [];
  const down = new Set<string>();
  const history: string[] = [];
  let queuedBytes = 0;
  let overflowed = 0;
  let setUps = 0;
  let deafUntilMs = 0;
  let buffer = '';
  let nowMs = 0;
  let readAtMs = asleepMs;
  let top = 0;
  let sequence = 0;

  function handle(event: KeyEvent): void {
    const { key, down: pressed } = event;
    onKey?.(event);
    if (!pressed) {
      if (!down.delete(key) && key === 'shift') setUp();
      return;
    }
    down.add(key);
    const before = buffer;
    if (key === 'backspace') buffer = buffer.slice(0, -1);
    else if (!down.has('ctrl') && !down.has('alt')) {
      const shift = down.has('shift') || down.has('shift_r');
      buffer += characters.get(heldKey(key, shift, down.has('alt_r'))) ?? '';
    }
    if (buffer === before) return;
    draw(Math.max(promptMs, readAtMs + echoMs));
    if (buffer.length === sleepsAfter) readAtMs += 5_000;
  }

  function setUp(): void {
    setUps++;
    queue.length = 0;
    queuedBytes = 0;
    deafUntilMs = readAtMs + setUpMs;
  }

  /** The guest reads what its keyboard holds, a byte at a time. */
  function advance(ms: number): void {
    nowMs += ms;
    for (let first = queue[0]; first && readAtMs + first.bytes * byteMs <= nowMs; first = queue[0]) {
      readAtMs += first.bytes * byteMs;
      queuedBytes -= first.bytes;
      queue.shift();
      handle(first.event);
    }
    if (queue.length === 0) readAtMs = Math.max(readAtMs, nowMs);
  }

  function put(event: KeyEvent): void {
    const bytes = keyboardBytes([event]);
    if (nowMs < deafUntilMs) return;
    if (queuedBytes + bytes > QUEUE_BYTES) {
      overflowed += bytes;
      return;
    }
    queuedBytes += bytes;
    queue.push({ event, bytes });
  }

  function draw(atMs: number): void {
    const wrapped: string[] = [];
    const shown = PROMPT + buffer;
    for (let at = 0; at === 0 || at < shown.length; at += columns) wrapped.push(shown.slice(at, at + columns));
    // What has scrolled off does not come back when text is erased.
    top = Math.max(top, history.length + wrapped.length - rows);
    const lines = [
      ...history.slice(Math.min(top, history.length)),
      ...wrapped.slice(Math.max(0, top - history.length)),
    ];
    while (lines.length < rows) lines.push('');
    drawn.push({ atMs, lines: lines.slice(0, rows).map((line) => line.padEnd(columns)) });
  }

  function screen(): ScreenText {
    while (drawn[1] && drawn[1].atMs <= nowMs) drawn.shift();
    const lines = nowMs < promptMs ? emptyScreen(rows, columns) : drawn[0]!.lines;
    return {
      columns,
      rows,
      cellWidth: 8,
      cellHeight: 16,
      lines,
      cell: (row, column) => ({ char: lines[row]?.[column] ?? ' ', foreground: 0xaaaaaa, background: 0 }),
      isHighlighted: () => false,
      unknownCells: 0,
      font: 'model',
      sequence: ++sequence,
      capturedAtMs: nowMs,
    };
  }

  const machine: Machine = {
    accelerator: 'tcg',
    qemuVersion: '0.0.0',
    running: true,
    frame: () => {
      advance(FRAME_MS);
      return Promise.resolve({ width: 0, height: 0, rgb: NOTHING, sequence, capturedAtMs: nowMs });
    },
    sendKeys: (events) => {
      advance(COMMAND_MS);
      for (const event of events) {
        if (random() < drop) {
          injected.lost++;
          continue;
        }
        if (random() < delay) {
          injected.busy++;
          readAtMs = Math.max(readAtMs, nowMs + random() * busyMs);
        }
        put(event);
        if (random() >= double) continue;
        injected.doubled++;
        put(event);
      }
      return Promise.resolve();
    },
    sendPointer: unused,
    pointerReady: () => Promise.resolve(false),
    serialOutput: () => NOTHING,
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
  const settle = (): void => {
    while (queue.length > 0) advance(byteMs);
    advance(echoMs);
  };
  draw(0);
  return {
    machine,
    eyes: { read: () => screen(), learn: () => undefined },
    clock: {
      now: () => nowMs,
      sleep: (ms, signal) => {
        signal?.throwIfAborted();
        advance(ms);
        return Promise.resolve();
      },
    },
    text: () => {
      settle();
      return buffer;
    },
    newLine: () => {
      settle();
      const shown = PROMPT + buffer;
      for (let at = 0; at < shown.length; at += columns) history.push(shown.slice(at, at + columns));
      const gone = Math.max(0, history.length - 2 * rows);
      history.splice(0, gone);
      top = Math.max(0, top - gone);
      buffer = '';
      drawn.length = 0;
      draw(nowMs);
    },
    held: () => MODIFIERS.filter((key) => down.has(key)),
    overflowed: () => overflowed,
    unread: () => queuedBytes,
    injected,
    setUps: () => setUps,
  };
}

const NOTHING = new Uint8Array();
const emptyScreen = (rows: number, columns: number): string[] =>
  Array.from({ length: rows }, () => ' '.repeat(columns));

function unused(): Promise<never> {
  return Promise.reject(new Error('this guest has a keyboard and a screen'));
}
