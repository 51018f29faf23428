/**
 * The engine's eyes on one running machine: each look is one frame, read once; each input leaves a mark, so that a
 * match can be told from what stood there before.
 */
import type { Duplex } from 'node:stream';
import type { Drive } from '../../recipe/types.ts';
import type { Eyes, Font, ScreenText } from '../screen/types.ts';
import type { Frame, KeyEvent, Machine, MachineEvent, PointerEvent } from '../machine/types.ts';
import type { GuestRequest } from '../network/requests.ts';
import { ACTIVE_FOR_MS, LEARN_FONT_EVERY_MS, POLL_ACTIVE_MS, POLL_QUIET_MS } from './limits.ts';
import { screenChanged } from './stillness.ts';

/** What was known when the last input was sent. */
export interface InputMark {
  readonly sentAtMs: number;
  /** The last screen read before that input; `null` before the first input to this machine. */
  readonly screen: ScreenText | null;
  readonly frame: Frame | null;
  /** How much had come over the serial line. */
  readonly serialBytes: number;
  /** How many events the machine had reported. */
  readonly events: number;
  /** How many requests the guest had made over its network. */
  readonly requests: number;
}

/** One look. Times are `performance.now()` milliseconds, the clock of `Frame.capturedAtMs`. */
export interface Observation {
  readonly frame: Frame;
  readonly screen: ScreenText;
  /** The serial line as a terminal shows it, with what has scrolled off. */
  readonly serialLines: readonly string[];
  readonly serialBytes: Uint8Array;
  readonly events: readonly MachineEvent[];
  /** What the guest has asked for over its network. */
  readonly requests: readonly GuestRequest[];
  readonly mark: InputMark;
  /** When the screen last changed (the cursor aside), or the machine was first looked at. */
  readonly changedAtMs: number;
  /** When the screen or the serial line last showed anything new, in the guest's time. */
  readonly activeAtGuestMs: number;
  /** False if it was captured before the last input went out: nothing may be concluded from it. */
  readonly current: boolean;
}

/** A terminal that serial bytes are fed to. */
export interface SerialTerminal {
  write(bytes: Uint8Array): Promise<void>;
  lines(): readonly string[];
}

export interface Observer {
  /** The machine for those who type: looks and inputs through it are noticed here. */
  readonly hands: Machine;
  readonly mark: InputMark;
  /** The last look, if there was one. */
  readonly last: Observation | null;
  /**
   * The guest's time, milliseconds: it stands still while the guest's processors wait for one of this host's. Patience is
   * measured in it, so that a step is not given up because something else runs on this host.
   */
  guestNow(): number;
  /** When the first input since the last call of this went out; `null` if none did. */
  firstInputMs(): number | null;
  /** Looks now. Rejects with what the machine rejects with, for example `machine/died`. */
  look(signal: AbortSignal): Promise<Observation>;
  /** Waits for the next moment worth a look (an event, or the pace of looking), then looks. */
  next(signal: AbortSignal): Promise<Observation>;
  close(): void;
}

interface Seen {
  readonly frame: Frame;
  readonly screen: ScreenText;
}

export interface ObserverOptions {
  readonly terminal: () => SerialTerminal;
  /** Where the font comes from that the guest draws with; asked while there are cells in no known font. */
  readonly learn: (machine: Machine, frame: Frame) => Promise<Font | null>;
  readonly now: () => number;
}

export function observe(machine: Machine, eyes: Eyes, options: ObserverOptions): Observer {
  const { now } = options;
  const terminal = options.terminal();
  const events: MachineEvent[] = [];
  let seen: Seen | null = null;
  let last: Observation | null = null;
  let fed = 0;
  let changedAtMs = now();
  let activeAtMs = changedAtMs;
  const guestNow = () => now() - machine.withheldMs();
  let activeAtGuestMs = guestNow();
  let wake: (() => void) | null = null;
  let firstInputMs: number | null = null;
  let lookedForFontAtMs = -Infinity;
  let learned = '';
  let mark: InputMark = { sentAtMs: -Infinity, screen: null, frame: null, serialBytes: 0, events: 0, requests: 0 };

  function noteActive(): void {
    activeAtMs = now();
    activeAtGuestMs = guestNow();
  }

  const stopListening = machine.onEvent((event) => {
    events.push(event);
    noteActive();
    wake?.();
  });

  machine.network?.onRequest(() => {
    noteActive();
    wake?.();
  });

  function take(frame: Frame): Seen {
    if (seen !== null && seen.frame.sequence === frame.sequence) {
      // The same picture, newer: what was read still holds, and holds now.
      seen = { frame, screen: seen.screen };
      return seen;
    }
    const fresh: Seen = { frame, screen: eyes.read(frame) };
    if (seen === null || screenChanged(seen, fresh)) {
      changedAtMs = frame.capturedAtMs;
      noteActive();
    }
    seen = fresh;
    return fresh;
  }

  async function capture(signal?: AbortSignal): Promise<Seen> {
    const captured = take(await machine.frame(signal));
    if (captured.screen.unknownCells === 0 || now() - lookedForFontAtMs < LEARN_FONT_EVERY_MS) return captured;
    lookedForFontAtMs = now();
    const font = await options.learn(machine, captured.frame);
    if (font === null) return captured;
    const glyphs = JSON.stringify(font.glyphs);
    if (glyphs === learned) return captured;
    learned = glyphs;
    eyes.learn(font);
    seen = { frame: captured.frame, screen: eyes.read(captured.frame) };
    return seen;
  }

  function noteInput(): void {
    firstInputMs ??= now();
    mark = {
      sentAtMs: now(),
      screen: seen?.screen ?? null,
      frame: seen?.frame ?? null,
      serialBytes: machine.serialOutput().byteLength,
      events: events.length,
      requests: machine.network?.requests.length ?? 0,
    };
    noteActive();
  }

  async function look(signal: AbortSignal): Promise<Observation> {
    signal.throwIfAborted();
    const { frame, screen } = await capture(signal);
    const bytes = machine.serialOutput();
    if (bytes.byteLength > fed) {
      await terminal.write(bytes.subarray(fed));
      fed = bytes.byteLength;
      noteActive();
    }
    last = {
      frame,
      screen,
      serialLines: terminal.lines(),
      serialBytes: bytes,
      events: [...events],
      requests: [...(machine.network?.requests ?? [])],
      mark,
      changedAtMs,
      activeAtGuestMs,
      current: frame.capturedAtMs > mark.sentAtMs,
    };
    return last;
  }

  async function pause(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const pace = now() - activeAtMs < ACTIVE_FOR_MS ? POLL_ACTIVE_MS : POLL_QUIET_MS;
    const elapsed = last === null ? pace : now() - last.frame.capturedAtMs;
    if (elapsed >= pace) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake = null;
        resolve();
      };
      const timer = setTimeout(done, pace - elapsed);
      signal.addEventListener('abort', done, { once: true });
      wake = done;
    });
    signal.throwIfAborted();
  }

  /** Only what is captured after QEMU took the input may count. */
  function noteSent(): void {
    mark = { ...mark, sentAtMs: now() };
    noteActive();
  }

  const hands = handsOf(machine, {
    capture: async (signal) => (await capture(signal)).frame,
    input: noteInput,
    sent: noteSent,
  });
  return {
    hands,
    get mark() {
      return mark;
    },
    get last() {
      return last;
    },
    guestNow,
    firstInputMs() {
      const first = firstInputMs;
      firstInputMs = null;
      return first;
    },
    look,
    async next(signal) {
      await pause(signal);
      return look(signal);
    },
    close: stopListening,
  };
}

/** The machine itself, but every frame taken and every input sent through it is told. */
function handsOf(
  machine: Machine,
  told: {
    readonly capture: (signal?: AbortSignal) => Promise<Frame>;
    readonly input: () => void;
    readonly sent: () => void;
  },
): Machine {
  return {
    get accelerator() {
      return machine.accelerator;
    },
    get qemuVersion() {
      return machine.qemuVersion;
    },
    ...(machine.network && { network: machine.network }),
    withheldMs: () => machine.withheldMs(),
    get running() {
      return machine.running;
    },
    async frame(signal?: AbortSignal): Promise<Frame> {
      return told.capture(signal);
    },
    async sendKeys(keys: readonly KeyEvent[], signal?: AbortSignal): Promise<void> {
      // Letting go of a key does nothing that a step could wait for: typing ends with releasing all modifiers.
      if (!keys.some(({ down }) => down)) return machine.sendKeys(keys, signal);
      told.input();
      await machine.sendKeys(keys, signal);
      told.sent();
    },
    async sendPointer(events: readonly PointerEvent[]): Promise<void> {
      told.input();
      await machine.sendPointer(events);
      told.sent();
    },
    pointerReady: () => machine.pointerReady(),
    serialOutput: () => machine.serialOutput(),
    async writeSerial(bytes: Uint8Array): Promise<void> {
      told.input();
      await machine.writeSerial(bytes);
      told.sent();
    },
    port: (name: string): Promise<Duplex> => machine.port(name),
    async power(action: 'off' | 'reset' | 'acpi-off'): Promise<void> {
      told.input();
      await machine.power(action);
      told.sent();
    },
    async changeMedium(drive: Drive, medium: string | null): Promise<void> {
      told.input();
      await machine.changeMedium(drive, medium);
      told.sent();
    },
    onEvent: (listener) => machine.onEvent(listener),
    memoryBytes: machine.memoryBytes,
    readMemory: (address, sizeBytes) => machine.readMemory(address, sizeBytes),
    vgaMemoryAddress: () => machine.vgaMemoryAddress(),
    save: (memoryPath, options) => machine.save(memoryPath, options),
    diskFiles: () => machine.diskFiles(),
    close: (options) => machine.close(options),
  };
}
