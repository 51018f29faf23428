/**
 * Closed-loop typing: a few characters, read back from the screen, then the next few. What came out wrong is erased and
 * typed again, slower. One big burst would lose 495 of 500 characters and leave Shift pressed.
 */
import { FailedError, UsageError } from '../../errors.ts';
import type { ScreenText } from '../screen/types.ts';
import { EMPTY_FIELD, followScroll, readEcho, stillConfirmed, strayText } from './echo.ts';
import type { Field, Lines } from './echo.ts';
import { checkTypable, keyEvents, releaseLevels, releaseModifiers, textEvents } from './keyboard.ts';
import { DEFAULT_KEYBOARD, type KeyboardName } from '../../recipe/keyboards.ts';
import {
  BLIND_KEY_MS,
  CLEARED_CHARACTERS,
  ECHO_SETTLE_MS,
  MISMATCHES,
  QUEUE_DRAIN_MS,
  TYPED_CHARACTERS,
} from './limits.ts';
import { createPace, nextChunk, noteSuccess, slowDown } from './pace.ts';
import type { Pace } from './pace.ts';
import { clockOf, look, rowsAround, watchFor, wholeScreen } from './watch.ts';
import type { Bench } from './watch.ts';

export interface TypeOptions extends Bench {
  readonly text: string;
  /** False for a field that does not show what is typed: nothing is read back. Default true. */
  readonly echo?: boolean;
  /** Empty the field first, from its end. */
  readonly clear?: boolean;
  /** The layout that the guest has. Default `us`. */
  readonly layout?: KeyboardName;
  /** Remembered from field to field by whoever types more than one. */
  readonly pace?: Pace;
}

export interface Typed {
  /** Characters that were typed more than once. */
  readonly retyped: number;
}

/**
 * Throws `input/no-such-character` before anything is sent; `input/not-echoed` where the screen shows nothing of what was typed;
 * `input/cannot-type` where it never came out right.
 */
export async function typeText(options: TypeOptions): Promise<Typed> {
  const { text, machine, echo = true, pace = createPace(), signal } = options;
  if (text.length > TYPED_CHARACTERS) {
    throw new UsageError(
      'input/too-long',
      `a field of ${text.length} characters: at most ${TYPED_CHARACTERS} are typed`,
      {
        hint: 'put long text in a file on a disk of packages',
      },
    );
  }
  checkTypable(text, options.layout ?? DEFAULT_KEYBOARD);
  await machine.sendKeys(releaseModifiers(options.layout), signal);
  try {
    if (options.clear === true) await clearField(options);
    if (!echo) return await typeBlind(options, pace);
    return await typeWithEcho(options, pace);
  } finally {
    if (machine.running) {
      await machine.sendKeys(releaseLevels(options.layout), signal);
      // Nothing shows when it is taken: the key that comes next, an Enter, must not find the queue full.
      await clockOf(options).sleep(QUEUE_DRAIN_MS * (options.hostFactor ?? 1));
    }
  }
}

/** Without echo nothing can be read back: one character at a time, confirmed by what follows. */
async function typeBlind(options: TypeOptions, pace: Pace): Promise<Typed> {
  const { machine, text, layout, signal } = options;
  for (const char of text) {
    signal?.throwIfAborted();
    await machine.sendKeys(textEvents(char, layout), signal);
    await clockOf(options).sleep(Math.max(BLIND_KEY_MS, pace.gapMs), signal);
  }
  return { retyped: 0 };
}

async function typeWithEcho(options: TypeOptions, pace: Pace): Promise<Typed> {
  const { text, machine, layout, signal } = options;
  let field: Field = EMPTY_FIELD;
  let before = await look(options);
  let retyped = 0;
  let mismatches = 0;
  let longest = 0;
  /** Characters of the field's beginning that were sent and not seen: a guest that sleeps may show them yet. */
  let unseen = 0;
  while (field.confirmed.length < text.length) {
    const done: Field = field;
    const chunk = nextChunk(text.slice(done.confirmed.length), pace, done.next === null, layout);
    await eraseUnseen(options, done.next === null ? unseen : 0);
    await machine.sendKeys(textEvents(chunk, layout), signal);
    unseen = chunk.length;
    if (pace.gapMs > 0 || chunk.trim() === '')
      await clockOf(options).sleep(Math.max(BLIND_KEY_MS * chunk.length, pace.gapMs), signal);
    const part = done.next === null ? wholeScreen : rowsAround(done.next.row);
    const seen = await watchFor(options, ECHO_SETTLE_MS, part, (now) => {
      // Blanks at the very beginning show nothing: where they are is known when the next character is seen.
      return done.next === null && text.slice(0, chunk.length).trim() === ''
        ? done
        : readEcho(before, now, done, chunk);
    });
    if (seen.value !== null && seen.value !== done) {
      field = seen.value;
      before = seen.screen;
      noteSuccess(pace);
      continue;
    }
    // A field that gets longer now and then gets done; one that does not is another field than was thought.
    if (field.confirmed.length > longest) [longest, mismatches] = [field.confirmed.length, 0];
    if (++mismatches > MISMATCHES) throw cannotType(text, field);
    slowDown(pace);
    await machine.sendKeys(releaseModifiers(layout), signal);
    const mended = await eraseStray(options, before, field, chunk, mismatches);
    retyped += Math.max(1, field.confirmed.length - mended.field.confirmed.length + chunk.length);
    field = mended.field;
    before = mended.screen;
  }
  return { retyped };
}

/**
 * Right before they are typed again: of a queue that is nearly full, keys are taken in the order in which they came, and so
 * no character without the backspace before it.
 */
async function eraseUnseen({ machine, signal }: TypeOptions, characters: number): Promise<void> {
  for (let count = 0; count < characters; count++) await machine.sendKeys(keyEvents('backspace'), signal);
}

/**
 * Erases what came out wrong, one character at a time, and gives what is left of the field. Blanks that were doubled or
 * lost cannot be seen: where any may be, the last visible character is erased as well, and typed again with them.
 */
async function eraseStray(
  options: TypeOptions,
  old: Lines,
  lastField: Field,
  sent: string,
  mismatches: number,
): Promise<{ field: Field; screen: ScreenText }> {
  let screen = await look(options);
  if (lastField.next === null && strayText(old, screen, lastField, sent, options.layout) === '') {
    if (mismatches >= NOT_ECHOED_AFTER) throw notEchoed();
    // A busy guest may show it yet: what comes late is erased by what is sent after it. On an empty line that does nothing.
    for (const _ of sent) await options.machine.sendKeys(keyEvents('backspace'), options.signal);
    // What it is compared with next is the screen without it: with a prompt that has come meanwhile, and nothing behind it.
    const erased = await watchFor(options, ERASE_SETTLE_MS, wholeScreen, () => null);
    return { field: lastField, screen: erased.screen };
  }
  let { before, field } = followScroll(old, screen, lastField);
  let target: number | null = null;
  for (let count = 0; count < CLEARED_CHARACTERS; count++) {
    // Only ever shorter: a blank that seems to be back is a cell where nothing stands.
    field = stillConfirmed(screen, field);
    if (strayText(before, screen, field, sent, options.layout) === '') {
      const uncertain = sent.includes(' ') || field.confirmed.at(-1)?.char === ' ';
      if (target === null && uncertain) target = field.confirmed.findLastIndex(({ char }) => char !== ' ');
      if (target === null || field.confirmed.length <= Math.max(0, target)) return { field, screen };
    }
    screen = await backspace(options, screen);
  }
  throw cannotType(options.text, field);
}

/** One backspace, and the screen after it. */
async function backspace(options: TypeOptions, before: ScreenText): Promise<ScreenText> {
  await options.machine.sendKeys(keyEvents('backspace'), options.signal);
  const was = wholeScreen(before);
  const { screen } = await watchFor(options, ERASE_SETTLE_MS, wholeScreen, (now) =>
    wholeScreen(now) !== was ? true : null,
  );
  return screen;
}

/** Backspaces from the end until they change nothing any more. An erased blank changes nothing either: three in a row decide. */
async function clearField(options: TypeOptions): Promise<void> {
  await options.machine.sendKeys(keyEvents('end'), options.signal);
  let screen = await look(options);
  let unchanged = 0;
  for (let count = 0; count < CLEARED_CHARACTERS && unchanged < 3; count++) {
    const now = await backspace(options, screen);
    unchanged = wholeScreen(now) === wholeScreen(screen) ? unchanged + 1 : 0;
    screen = now;
  }
}

/** A backspace that showed nothing by now erased a blank, or was lost. */
const ERASE_SETTLE_MS = ECHO_SETTLE_MS / 2;

/** Times that nothing at all was seen of a field's beginning. */
const NOT_ECHOED_AFTER = 8;

/** Messages and facts never hold the text: it may be a secret. */
function notEchoed(): FailedError {
  return new FailedError('input/not-echoed', 'the screen shows nothing of what was typed', {
    hint: 'is the field ready for input? A field that hides what is typed needs `echo: false`',
  });
}

function cannotType(text: string, field: Field): FailedError {
  const good = field.confirmed.length;
  return new FailedError(
    'input/cannot-type',
    `only ${good} of ${text.length} characters came out right on the screen`,
    {
      facts: { confirmedCharacters: good, characters: text.length },
      hint: 'is this the field that was meant, and does it show what is typed as it is?',
    },
  );
}
