/** A person drives a machine from their terminal: their keys go to it, its screen is redrawn live, all is recorded. */
import type { Readable, Writable } from 'node:stream';
import { PortalgunError, UnavailableError } from '../../errors.ts';
import { startRecorder, type LiveMachine } from '../../workshop/provision/recorder.ts';
import type { Input, Recording } from '../../workshop/provision/recording.ts';
import type { Observation } from '../../workshop/provision/observer.ts';
import { decodeKeys } from './keys.ts';
import { openLiveScreen } from './live-screen.ts';

export interface DriverTerminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly output: Writable & { readonly columns?: number; readonly rows?: number };
  /** `TERM`. */
  readonly kind?: string;
}

export interface Drive {
  readonly live: LiveMachine;
  readonly terminal: DriverTerminal;
  /** What is being done, for our own line of the screen. */
  readonly title: string;
  readonly signal: AbortSignal;
}

/** `null`: the person wants none of it. The last look is at how they left the machine. */
export interface Driven {
  readonly recording: Recording;
  readonly last: Observation;
}

const HOT_KEY_MENU = ' d done · c checkpoint here · q drop all of it · ] send Ctrl-] · other key: back';

/**
 * Until the person ends it with the hot key, or the machine is off. Throws `cli/no-screen` on a terminal that cannot be
 * drawn on, and what the machine throws; the terminal is as it was before either way.
 */
export async function driveByHand({ live, terminal, title, signal }: Drive): Promise<Driven | null> {
  const { input, output } = terminal;
  if (terminal.kind === 'dumb') {
    throw new UnavailableError('cli/no-screen', 'the machine’s screen cannot be drawn on this terminal (TERM=dumb)', {
      hint: 'Use a terminal that can, or edit the step instead.',
    });
  }
  const recorder = await startRecorder(live, signal);
  const screen = openLiveScreen(output, () => ({ columns: output.columns || 80, rows: output.rows || 24 }));
  const keys = listen(input);
  let atHotKey = false;
  let said = '';
  try {
    let last = await recorder.next(signal);
    for (;;) {
      screen.draw(shownScreen(last), atHotKey ? HOT_KEY_MENU : statusLine(title, said, last));
      const key = keys.take();
      if (key === undefined) {
        last = await recorder.next(signal);
        if (recorder.recording().off || keys.ended) return { recording: recorder.recording(), last };
        continue;
      }
      said = '';
      if (atHotKey) {
        atHotKey = false;
        const choice = key === 'hot-key' ? ']' : 'char' in key ? key.char : '';
        if (choice === 'd') return { recording: recorder.recording(), last: await recorder.next(signal) };
        if (choice === 'q') return null;
        if (choice === 'c') {
          recorder.markCheckpoint();
          said = 'checkpoint · ';
        }
        if (choice === ']') said = await sent(() => recorder.send({ key: 'ctrl-]' }, signal));
        continue;
      }
      if (key === 'hot-key') atHotKey = true;
      else said = await sent(() => recorder.send(key, signal));
    }
  } finally {
    keys.close();
    screen.close();
  }
}

/** A key that the machine's keyboard does not have is the person's to know; everything else ends the drive. */
async function sent(send: () => Promise<void>): Promise<string> {
  try {
    await send();
    return '';
  } catch (error) {
    if (error instanceof PortalgunError && /^(input|record)\//.test(error.code)) return `${error.message} · `;
    throw error;
  }
}

function statusLine(title: string, said: string, { screen }: Observation): string {
  const unread = screen.unknownCells > screen.columns ? `${screen.unknownCells} cells cannot be read · ` : '';
  return ` ${said}${unread}${title} · your keys go to the machine · Ctrl-] menu`;
}

/** A machine that speaks over its serial line alone is shown by that. */
function shownScreen({ screen, serialLines }: Observation): Observation['screen'] {
  if (serialLines.length === 0 || screen.lines.some((line) => line.trim() !== '')) return screen;
  const lines = serialLines.slice(-screen.rows);
  return { ...screen, lines: screen.lines.map((blank, row) => (lines[row] ?? '').padEnd(blank.length)) };
}

interface Keys {
  /** The next key that was pressed, if any. */
  take(): Input | 'hot-key' | undefined;
  readonly ended: boolean;
  close(): void;
}

function listen(input: DriverTerminal['input']): Keys {
  const queue: (Input | 'hot-key')[] = [];
  const utf8 = new TextDecoder();
  const state = { rest: '', ended: false };
  const onData = (chunk: Buffer | string): void => {
    const text = typeof chunk === 'string' ? chunk : utf8.decode(chunk, { stream: true });
    const decoded = decodeKeys(state.rest + text);
    state.rest = decoded.rest;
    queue.push(...decoded.inputs);
  };
  const onEnd = (): void => {
    state.ended = true;
  };
  input.setRawMode?.(true);
  input.on('data', onData);
  input.once('end', onEnd);
  input.resume();
  return {
    take: () => queue.shift(),
    get ended() {
      return state.ended;
    },
    close() {
      input.off('data', onData);
      input.off('end', onEnd);
      input.setRawMode?.(false);
      input.pause();
    },
  };
}
