/**
 * Carries out what a step does. The input folder types and chooses, with its own checks; here is only what a recipe's
 * words mean, and what is told about them.
 */
import type { Act } from '../../recipe/types.ts';
import { serialText } from './conditions.ts';
import { SERIAL_ECHO_MS } from './limits.ts';
import type { Observer } from './observer.ts';
import type { BuildEventBody } from './types.ts';

/** Whoever types for the engine: `input/` does, on the observer's hands. Errors are `input/…` where it did not work. */
export interface Typist {
  /** Types and reads the echo back unless `echo` is false. `retyped` counts corrected characters. */
  type(
    text: string,
    options: { readonly clear: boolean; readonly echo: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly retyped: number }>;
  /** One key or chord (`enter`, `ctrl-x`), pressed and released. */
  press(key: string, signal: AbortSignal): Promise<void>;
  hold(key: string): Promise<void>;
  release(key: string): Promise<void>;
  /** Moves the highlight of the list on the screen to `entry`, checks it, and chooses it. */
  choose(entry: string, signal: AbortSignal): Promise<void>;
}

export interface ActContext {
  readonly step: string;
  readonly observer: Observer;
  readonly typist: Typist;
  /** Values of the secret parameters by name; put in here, at the last moment, and shown nowhere. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly hostFactor: number;
  readonly now: () => number;
  readonly emit: (event: BuildEventBody) => void;
  readonly signal: AbortSignal;
}

export async function perform(act: Act, context: ActContext): Promise<void> {
  const { observer, typist, signal, step, emit } = context;
  signal.throwIfAborted();
  if ('type' in act) {
    observer.firstInputMs();
    const options = { clear: act.clear ?? false, echo: act.echo ?? true };
    const { retyped } = await typist.type(withSecrets(act.type, context.secrets), options, signal);
    const sentAtMs = observer.firstInputMs();
    emit({ event: 'typed', step, text: act.type, retyped, ...(sentAtMs !== null && { sentAtMs }) });
    return;
  }
  if ('key' in act) return press(act.key, context);
  if ('keys' in act) {
    for (const key of act.keys) await press(key, context);
    return;
  }
  if ('hold' in act) return told(`${act.hold} down`, context, () => typist.hold(act.hold));
  if ('release' in act) return told(`${act.release} up`, context, () => typist.release(act.release));
  if ('menu' in act) return told(`menu: ${act.menu}`, context, () => typist.choose(act.menu, signal));
  if ('serial' in act) return writeSerial(act.serial, context);
  return told(`power ${act.power}`, context, () => observer.hands.power(act.power));
}

async function press(key: string, context: ActContext): Promise<void> {
  await told(key, context, () => context.typist.press(key, context.signal));
}

async function told(key: string, context: ActContext, send: () => Promise<void>): Promise<void> {
  const { observer, step, emit, now } = context;
  observer.firstInputMs();
  await send();
  emit({ event: 'key', step, key, sentAtMs: observer.firstInputMs() ?? now() });
}

/**
 * A line that ends in an end of line is sent in two parts: the end goes out once the line was echoed, so that what is
 * expected afterwards is not found in the echo of the command itself. A line without echo (a password) goes out anyway.
 */
async function writeSerial(text: string, context: ActContext): Promise<void> {
  const { observer, step, emit, now } = context;
  observer.firstInputMs();
  const value = withSecrets(text, context.secrets);
  const end = /[\r\n]+$/.exec(value)?.[0] ?? '';
  const line = value.slice(0, value.length - end.length);
  if (line !== '') {
    await observer.hands.writeSerial(Buffer.from(line));
    if (end !== '') await echoed(line, context);
  }
  if (end !== '') await observer.hands.writeSerial(Buffer.from(end));
  emit({ event: 'typed', step, text, retyped: 0, sentAtMs: observer.firstInputMs() ?? now() });
}

async function echoed(line: string, context: ActContext): Promise<void> {
  const { observer, signal, now, hostFactor } = context;
  const deadline = now() + SERIAL_ECHO_MS * hostFactor;
  const from = observer.mark.serialBytes;
  const lastLine = line.split('\n').at(-1) ?? line;
  while (now() < deadline) {
    const seen = await observer.next(signal);
    if (serialText(seen, from).includes(lastLine)) return;
  }
}

/** `{{name}}` of a secret parameter becomes its value. Public parameters were put in when the recipe was resolved. */
export function withSecrets(text: string, secrets: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\{\{\s*([A-Za-z0-9_-]+)\s*\}\}/g, (whole, name: string) => secrets.get(name) ?? whole);
}
