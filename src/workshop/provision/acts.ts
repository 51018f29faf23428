/**
 * Carries out what a step does. The input folder types and chooses, with its own checks; here is only what a recipe's
 * words mean, and what is told about them.
 */
import { FailedError } from '../../errors.ts';
import { describeAct, describeCondition, describePlace } from '../../recipe/conditions.ts';
import type { KeyboardName } from '../../recipe/keyboards.ts';
import { DEFAULT_PRESSES } from '../../recipe/limits.ts';
import { fillServed } from '../../recipe/placeholders.ts';
import type { Act, Condition, Drive, Place, SeenPlace, ServedFile } from '../../recipe/types.ts';
import type { Frame, PointerButton } from '../machine/types.ts';
import type { NeedleMatch } from '../screen/needle.ts';
import { serialText } from './conditions.ts';
import { SERIAL_ECHO_MS, TRAY_MS } from './limits.ts';
import type { Observer } from './observer.ts';
import type { BuildEventBody } from './types.ts';

/** Whoever types for the engine: `input/` does, on the observer's hands. Errors are `input/…` where it did not work. */
export interface Typist {
  /** The layout that the guest has from now on. */
  useLayout(layout: KeyboardName): void;
  /** Types and reads the echo back unless `echo` is false. `retyped` counts corrected characters. */
  type(
    text: string,
    options: { readonly clear: boolean; readonly echo: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly retyped: number }>;
  /** One key or chord (`enter`, `ctrl-x`), pressed and released. */
  press(key: string, signal: AbortSignal): Promise<void>;
  hold(key: string, signal: AbortSignal): Promise<void>;
  release(key: string, signal: AbortSignal): Promise<void>;
  /** Moves the highlight of the list on the screen to `entry`, checks it, and chooses it. */
  choose(entry: string, signal: AbortSignal): Promise<void>;
  /** The same, and ticks or unticks the entry's checkbox unless it is so already. */
  tick(entry: string, ticked: boolean, signal: AbortSignal): Promise<void>;
  click(
    place: SeenPlace,
    options: { readonly button: PointerButton; readonly times: number },
    signal: AbortSignal,
  ): Promise<void>;
  move(place: SeenPlace, signal: AbortSignal): Promise<void>;
  drag(from: SeenPlace, to: SeenPlace, signal: AbortSignal): Promise<void>;
}

export interface ActContext {
  readonly step: string;
  readonly observer: Observer;
  readonly typist: Typist;
  /** Values of the secret parameters by name; put in here, at the last moment, and shown nowhere. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Waits for the condition until the screen rests without it. */
  readonly comes: (condition: Condition) => Promise<boolean>;
  /** The drive that a medium goes into. */
  readonly driveOf: (medium: string) => Drive;
  readonly needle: (name: string, frame: Frame) => NeedleMatch | undefined;
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
  if ('key' in act) return act.until === undefined ? press(act.key, context) : pressUntil(act.key, act, context);
  if ('keys' in act) {
    for (const key of act.keys) await press(key, context);
    return;
  }
  if ('hold' in act) return told(`${act.hold} down`, context, () => typist.hold(act.hold, signal));
  if ('release' in act) return told(`${act.release} up`, context, () => typist.release(act.release, signal));
  if ('menu' in act) return told(`menu: ${act.menu}`, context, () => typist.choose(act.menu, signal));
  if ('check' in act) return told(describeAct(act), context, () => typist.tick(act.check, true, signal));
  if ('uncheck' in act) return told(describeAct(act), context, () => typist.tick(act.uncheck, false, signal));
  if ('layout' in act) return typist.useLayout(act.layout);
  if ('serial' in act) return writeSerial(act.serial, context);
  if ('insert' in act) return changeMedium(context.driveOf(act.insert), act.insert, context);
  if ('eject' in act) return changeMedium(act.eject, null, context);
  if ('serve' in act) return serveFile(act.serve, context);
  if ('power' in act) return switchPower(act.power, context);
  await told(describeAct(act), context, () => point(act, context));
}

type PointerAct = Extract<Act, { click: Place } | { double_click: Place } | { move: Place } | { drag: object }>;

async function point(act: PointerAct, context: ActContext): Promise<void> {
  const { typist, signal } = context;
  if ('drag' in act) return typist.drag(await seen(act.drag.from, context), await seen(act.drag.to, context), signal);
  if ('move' in act) return typist.move(await seen(act.move, context), signal);
  const [place, times] = 'click' in act ? ([act.click, 1] as const) : ([act.double_click, 2] as const);
  return typist.click(await seen(place, context), { button: act.button ?? 'left', times }, signal);
}

/** A needle's click point, or the middle of its first area, where it is now. */
async function seen(place: Place, { comes, needle, observer, signal }: ActContext): Promise<SeenPlace> {
  if (!('needle' in place)) return place;
  await comes({ needle: place.needle });
  const { frame } = observer.last ?? (await observer.look(signal));
  const found = needle(place.needle, frame);
  const area = found?.areas.find(({ click }) => click) ?? found?.areas[0];
  if (found?.ok !== true || area === undefined) {
    throw new FailedError('input/not-on-screen', `there is nothing to point at: ${describePlace(place)} is not there`, {
      hint: 'wait for it with `when` first',
    });
  }
  const { x, y, width, height } = area;
  const { x: right, y: down } = area.click ?? { x: x + Math.floor(width / 2), y: y + Math.floor(height / 2) };
  return { at: [right, down], ...(place.offset && { offset: place.offset }) };
}

/** Looks before each press, and so presses nothing where it is to be seen already. */
async function pressUntil(
  key: string,
  { until, at_most: most = DEFAULT_PRESSES }: { readonly until?: Condition; readonly at_most?: number },
  context: ActContext,
): Promise<void> {
  if (until === undefined) return;
  for (let presses = 0; !(await context.comes(until)); presses += 1) {
    if (presses >= most) {
      throw new FailedError(
        'input/not-reached',
        `${key} was pressed ${most} times, and still there is no ${describeCondition(until)}`,
        { hint: 'is this the key that leads there? `at_most` sets how often it is pressed' },
      );
    }
    await press(key, context);
  }
}

/**
 * A guest that holds the drive closed is asked to let go, and may take a moment to. `machine/tray-locked` is the answer to one
 * try; that it never did is the failure of the act, `input/tray-locked`.
 */
async function changeMedium(drive: Drive, medium: string | null, context: ActContext): Promise<void> {
  const { observer, step, emit, now, signal, hostFactor } = context;
  const deadline = now() + TRAY_MS * hostFactor;
  observer.firstInputMs();
  for (;;) {
    try {
      await observer.hands.changeMedium(drive, medium);
      return emit({ event: 'medium', step, drive, medium });
    } catch (error) {
      if (!(error instanceof FailedError) || error.code !== 'machine/tray-locked') throw error;
      if (now() >= deadline)
        throw new FailedError('input/tray-locked', error.message, { hint: error.hint ?? '', cause: error });
    }
    await observer.next(signal);
  }
}

/** Sends nothing: what the guest does with it is for conditions to see. */
async function serveFile(served: ServedFile, { observer, secrets, step, emit }: ActContext): Promise<void> {
  const { network } = observer.hands;
  if (network === undefined) throw new TypeError('a machine whose recipe serves files has a network');
  const content = fillServed(served, (name) => secrets.get(name));
  network.serve(served.file, content);
  emit({ event: 'serves', step, file: served.file, sizeBytes: Buffer.byteLength(content) });
}

function switchPower(action: 'off' | 'reset', context: ActContext): Promise<void> {
  return told(`power ${action}`, context, () => context.observer.hands.power(action));
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
