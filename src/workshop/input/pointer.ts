/**
 * Pointing at a screen: at a pixel, or at the middle of a text that stands there exactly once. Where a text is not there, or
 * there twice, nothing is pressed.
 */
import { FailedError } from '../../errors.ts';
import { describePlace } from '../../recipe/conditions.ts';
import type { Point, SeenPlace } from '../../recipe/types.ts';
import { POINTER_RANGE } from '../machine/types.ts';
import type { Frame, PointerButton, PointerEvent } from '../machine/types.ts';
import { findText } from '../screen/match.ts';
import type { ScreenText } from '../screen/types.ts';
import { DRAG_STEPS, ECHO_SETTLE_MS, POINTER_READY_MS } from './limits.ts';
import { clockOf, frameAndText, look, watchFor, wholeScreen } from './watch.ts';
import type { Bench } from './watch.ts';

export interface ClickOptions {
  readonly button?: PointerButton;
  /** Default 1. */
  readonly times?: number;
}

/**
 * Throws `input/no-pointer` where the guest reads none; `input/not-on-screen`, `input/ambiguous` and `input/outside-screen`
 * where the place is not exactly one point of the screen.
 */
export async function clickOn(
  bench: Bench,
  place: SeenPlace,
  { button = 'left', times = 1 }: ClickOptions = {},
): Promise<void> {
  await moveTo(bench, place);
  for (let count = 0; count < times; count++) {
    await bench.machine.sendPointer([{ button, down: true }]);
    await bench.machine.sendPointer([{ button, down: false }]);
  }
}

export async function moveTo(bench: Bench, place: SeenPlace): Promise<void> {
  await pointerIsRead(bench, place);
  const { point, frame } = await locate(bench, place);
  await bench.machine.sendPointer([positionOf(point, frame)]);
  // A look is the time that a guest takes to notice where the pointer is before its button goes down.
  await look(bench);
}

/** Both ends are found before the button goes down: what is dragged may cover the other end. */
export async function drag(bench: Bench, from: SeenPlace, to: SeenPlace): Promise<void> {
  await pointerIsRead(bench, from);
  const start = await locate(bench, from);
  const end = await locate(bench, to);
  const { machine } = bench;
  await machine.sendPointer([positionOf(start.point, start.frame)]);
  await look(bench);
  await machine.sendPointer([{ button: 'left', down: true }]);
  try {
    for (let step = 1; step <= DRAG_STEPS; step++) {
      const part = (axis: 0 | 1) => start.point[axis] + ((end.point[axis] - start.point[axis]) * step) / DRAG_STEPS;
      await machine.sendPointer([positionOf([Math.round(part(0)), Math.round(part(1))], end.frame)]);
      await look(bench);
    }
  } finally {
    if (machine.running) await machine.sendPointer([{ button: 'left', down: false }]);
  }
}

/** The middle of the pixel, so that rounding on either side of the wire finds the same one again. */
export function positionOf(
  [x, y]: Point,
  { width, height }: Pick<Frame, 'width' | 'height'>,
): PointerEvent & { x: number } {
  const scale = (pixel: number, size: number) =>
    Math.min(POINTER_RANGE, Math.floor(((pixel + 0.5) * (POINTER_RANGE + 1)) / size));
  return { x: scale(x, width), y: scale(y, height) };
}

/** Waits for a text that may still be drawn, until the screen rests. */
async function locate(bench: Bench, place: SeenPlace): Promise<{ readonly point: Point; readonly frame: Frame }> {
  let middle: Point;
  let { frame, screen } = await frameAndText(bench);
  if ('at' in place) middle = place.at;
  else {
    const { text } = place;
    await watchFor(bench, ECHO_SETTLE_MS, wholeScreen, (now) => (findText(now, text).length > 0 ? true : null));
    ({ frame, screen } = await frameAndText(bench));
    middle = middleOfText(screen, place, text);
  }
  const [right, down] = place.offset ?? [0, 0];
  const point: Point = [middle[0] + right, middle[1] + down];
  if (point[0] < 0 || point[1] < 0 || point[0] >= frame.width || point[1] >= frame.height) {
    throw new FailedError(
      'input/outside-screen',
      `the point ${point.join(', ')} is not on the screen, which has ${frame.width} by ${frame.height} pixels`,
      { facts: { point }, hint: 'does the guest show the resolution that the recipe was written for?' },
    );
  }
  return { point, frame };
}

function middleOfText(
  screen: ScreenText,
  place: SeenPlace,
  text: Extract<SeenPlace, { text: unknown }>['text'],
): Point {
  const [spot, other] = findText(screen, text);
  if (spot === undefined) {
    throw new FailedError('input/not-on-screen', `there is nothing to point at: ${describePlace(place)} is not there`, {
      hint: 'wait for it with `when` first',
    });
  }
  if (other !== undefined) {
    throw new FailedError('input/ambiguous', `${describePlace(place)} could be in more than one place`, {
      facts: { rows: [spot.row, other.row] },
      hint: 'narrow it down with `area`, `line` or `style`',
    });
  }
  return [
    Math.floor((spot.column + spot.length / 2) * screen.cellWidth),
    Math.floor((spot.row + 0.5) * screen.cellHeight),
  ];
}

/** A guest that still loads its drivers does not read the pointer yet; what is sent before that is lost. */
async function pointerIsRead(bench: Bench, place: SeenPlace): Promise<void> {
  const deadlineMs = clockOf(bench).now() + POINTER_READY_MS * (bench.hostFactor ?? 1);
  while (!(await bench.machine.pointerReady())) {
    if (clockOf(bench).now() >= deadlineMs) {
      throw new FailedError('input/no-pointer', `cannot point ${describePlace(place)}: the guest reads no pointer`, {
        hint: 'has it loaded a driver for USB tablets? A step that was mended to point needs a new build: its machine has no pointer',
      });
    }
    await look(bench);
  }
}
