/**
 * Did the screen change, the blinking cursor aside?
 *
 * A change within one character cell is the cursor's if the character there reads the same in both frames, or if one of
 * them is what a cursor looks like (an unknown bitmap, an underline, a block). Every other change counts: a countdown's
 * digit is one cell too, but both of its states are plain characters.
 */
import type { Frame } from '../machine/types.ts';
import type { ScreenText } from '../screen/types.ts';

const CURSOR_LIKE = new Set(['\ufffd', '_', '\u2581', '\u2582', '\u2584', '\u2588']);

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The smallest box of pixels that holds every difference; `null` where there is none. Same sizes assumed. */
function differenceBox(a: Frame, b: Frame): Box | null {
  const stride = a.width * 3;
  const first = Buffer.from(a.rgb.buffer, a.rgb.byteOffset, a.rgb.byteLength);
  const second = Buffer.from(b.rgb.buffer, b.rgb.byteOffset, b.rgb.byteLength);
  const rowDiffers = (y: number) =>
    first.compare(second, y * stride, (y + 1) * stride, y * stride, (y + 1) * stride) !== 0;
  let top = 0;
  while (top < a.height && !rowDiffers(top)) top += 1;
  if (top === a.height) return null;
  let bottom = a.height - 1;
  while (!rowDiffers(bottom)) bottom -= 1;
  let left = stride;
  let right = 0;
  for (let y = top; y <= bottom; y += 1) {
    const start = y * stride;
    let x = 0;
    while (x < left && first[start + x] === second[start + x]) x += 1;
    left = Math.min(left, x);
    x = stride - 1;
    while (x > right && first[start + x] === second[start + x]) x -= 1;
    right = Math.max(right, x);
  }
  return { left: Math.floor(left / 3), top, right: Math.floor(right / 3), bottom };
}

/** True if something other than the cursor differs between two frames and the texts read from them. */
export function screenChanged(
  before: { readonly frame: Frame; readonly screen: ScreenText },
  now: { readonly frame: Frame; readonly screen: ScreenText },
): boolean {
  if (before.frame.sequence === now.frame.sequence) return false;
  if (before.frame.width !== now.frame.width || before.frame.height !== now.frame.height) return true;
  if (before.screen.columns !== now.screen.columns || before.screen.rows !== now.screen.rows) return true;
  const box = differenceBox(before.frame, now.frame);
  if (box === null) return false;
  const { columns, rows } = now.screen;
  if (columns === 0 || rows === 0) return true;
  const cellWidth = now.frame.width / columns;
  const cellHeight = now.frame.height / rows;
  const column = Math.floor(box.left / cellWidth);
  const row = Math.floor(box.top / cellHeight);
  if (Math.floor(box.right / cellWidth) !== column || Math.floor(box.bottom / cellHeight) !== row) return true;
  const was = before.screen.cell(row, column).char;
  const is = now.screen.cell(row, column).char;
  return was !== is && !CURSOR_LIKE.has(was) && !CURSOR_LIKE.has(is);
}
