/**
 * A machine on paper, for the engine's own logic: a program is a state, a drawing of it, and what a key does to it. One
 * pixel is one cell; its red value is the character. Its memory is the keys that were pressed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { FailedError } from '../../../src/errors.ts';
import type { Frame, KeyEvent, Machine, MachineEvent, StartOptions } from '../../../src/workshop/machine/types.ts';
import type { Typist } from '../../../src/workshop/provision/acts.ts';
import type { Eyes, ScreenText } from '../../../src/workshop/screen/types.ts';

export const COLUMNS = 40;
export const ROWS = 10;

export interface Program<S> {
  readonly start: S;
  draw(state: S): readonly string[];
  key(state: S, key: string): S;
  /** What goes out on the serial line when a line came in on it. */
  serial?(state: S, line: string): { readonly state: S; readonly says: string };
  /** What the host has withheld from it so far; default: nothing. */
  withheldMs?(): number;
  /** A guest that is asked to let go of its drive: whether it does. */
  letsGo?(): boolean;
}

export interface PaperMachine extends Machine {
  /** Everything that was pressed, in order. */
  readonly pressed: readonly string[];
  /** As if somebody had killed it. */
  die(): void;
  tell(event: MachineEvent): void;
}

export function startPaper<S>(program: Program<S>, made: PaperMachine[] = []) {
  return async (options: StartOptions): Promise<PaperMachine> => {
    const before = options.restore ? (await readFile(options.restore.memoryPath, 'utf8')).split('\n') : [];
    let state = before.filter((key) => key !== '').reduce((state, key) => program.key(state, key), program.start);
    let sequence = 0;
    let drawn = '';
    let rgb = new Uint8Array();
    let over: MachineEvent | null = null;
    const listeners = new Set<(event: MachineEvent) => void>();
    let serial = Buffer.alloc(0);
    let serialLine = '';
    const pressed: string[] = [];
    const died = () => new FailedError('machine/died', 'QEMU ended (signal SIGKILL)');

    function tell(event: MachineEvent): void {
      if (event.type !== 'reset') over = event;
      for (const listener of listeners) listener(event);
    }

    function frame(): Promise<Frame> {
      if (over?.type === 'died') return Promise.reject(died());
      const text = program
        .draw(state)
        .map((line) => line.padEnd(COLUMNS).slice(0, COLUMNS))
        .concat(Array.from({ length: ROWS }, () => ' '.repeat(COLUMNS)))
        .slice(0, ROWS)
        .join('');
      if (text !== drawn) {
        sequence += 1;
        drawn = text;
        rgb = new Uint8Array(COLUMNS * ROWS * 3);
        for (let at = 0; at < text.length; at += 1) rgb[at * 3] = text.charCodeAt(at);
      }
      return Promise.resolve({ width: COLUMNS, height: ROWS, rgb, sequence, capturedAtMs: performance.now() });
    }

    const machine: PaperMachine = {
      accelerator: options.accelerator,
      qemuVersion: '0.0.0',
      running: true,
      withheldMs: () => program.withheldMs?.() ?? 0,
      pressed,
      frame,
      sendKeys(events: readonly KeyEvent[]) {
        if (over?.type === 'died') return Promise.reject(died());
        for (const { key, down } of events) {
          if (!down) continue;
          pressed.push(key);
          state = program.key(state, key);
        }
        return Promise.resolve();
      },
      sendPointer: () => Promise.reject(new Error('no pointer on paper')),
      pointerReady: () => Promise.resolve(false),
      serialOutput: () => serial,
      writeSerial(bytes) {
        serial = Buffer.concat([serial, bytes]);
        serialLine += Buffer.from(bytes).toString();
        if (serialLine.endsWith('\n')) {
          const answer = program.serial?.(state, serialLine.trim());
          serialLine = '';
          if (answer) {
            state = answer.state;
            serial = Buffer.concat([serial, Buffer.from(answer.says)]);
          }
        }
        return Promise.resolve();
      },
      port: () => Promise.reject(new Error('no port on paper')),
      power(action) {
        if (action === 'reset') tell({ type: 'reset' });
        else tell({ type: 'shutdown', byGuest: false });
        return Promise.resolve();
      },
      onEvent(listener) {
        listeners.add(listener);
        if (over) listener(over);
        return () => listeners.delete(listener);
      },
      memoryBytes: 0,
      changeMedium: () =>
        program.letsGo?.() === true
          ? Promise.resolve()
          : Promise.reject(new FailedError('machine/tray-locked', 'the guest holds its drive closed')),
      readMemory: () => Promise.resolve(new Uint8Array()),
      vgaMemoryAddress: () => Promise.resolve(null),
      async save(memoryPath) {
        const memory = [...before, ...pressed].join('\n');
        await writeFile(memoryPath, memory);
        return { memoryPath, memoryBytes: memory.length, disks: {} };
      },
      diskFiles: () => ({}),
      close: () => Promise.resolve(),
      die: () => tell({ type: 'died', status: 'signal SIGKILL', lastWords: '' }),
      tell,
    };
    made.push(machine);
    return machine;
  };
}

export function paperEyes(): Eyes {
  return {
    learn: () => undefined,
    read: (frame) => {
      const chars = Array.from({ length: COLUMNS * ROWS }, (_, at) => String.fromCharCode(frame.rgb[at * 3] ?? 32));
      const lines = Array.from({ length: ROWS }, (_, row) => chars.slice(row * COLUMNS, (row + 1) * COLUMNS).join(''));
      return paperScreen(lines, frame);
    },
  };
}

/** A screen as it would be read, without a machine. */
export function paperScreen(lines: readonly string[], frame?: Frame): ScreenText {
  const padded = lines.map((line) => line.padEnd(COLUMNS));
  while (padded.length < ROWS) padded.push(' '.repeat(COLUMNS));
  return {
    columns: COLUMNS,
    rows: ROWS,
    cellWidth: 1,
    cellHeight: 1,
    lines: padded,
    cell: (row, column) => ({ char: padded[row]?.[column] ?? ' ', foreground: 0xaaaaaa, background: 0 }),
    isHighlighted: () => false,
    unknownCells: 0,
    font: 'paper',
    sequence: frame?.sequence ?? 1,
    capturedAtMs: frame?.capturedAtMs ?? 0,
  };
}

/** One key a character; a menu is its entry typed in full. */
export function paperTypist(hands: Machine): Typist {
  const press = (key: string) =>
    hands.sendKeys([
      { key, down: true },
      { key, down: false },
    ]);
  return {
    useLayout: () => undefined,
    tick: (entry) => press(`tick ${entry}`),
    click: (place) => press(`click ${JSON.stringify(place)}`),
    move: (place) => press(`move ${JSON.stringify(place)}`),
    drag: (from, to) => press(`drag ${JSON.stringify([from, to])}`),
    async type(text) {
      for (const character of text) await press(character);
      return { retyped: 0 };
    },
    press,
    hold: (key) => hands.sendKeys([{ key, down: true }]),
    release: (key) => hands.sendKeys([{ key, down: false }]),
    async choose(entry) {
      const screen = paperEyes().read(await hands.frame());
      if (!screen.lines.some((line) => line.includes(entry))) {
        throw new FailedError('input/no-such-entry', `there is no entry "${entry}" on the screen`);
      }
      for (const character of entry) await press(character);
      await press('enter');
    },
  };
}
