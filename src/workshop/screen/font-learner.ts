/** Where the font comes from that a running guest draws with: its adapter's in a text mode, its kernel's elsewhere. */
import type { Frame, Machine } from '../machine/types.ts';
import { kernelFont, learnKernelFont } from './kernel-font.ts';
import { learnVgaFont } from './learn-vga.ts';
import { KERNEL_FONT_TRIES } from './limits.ts';
import type { Font } from './types.ts';

export interface FontSources {
  /** The kernel that the machine boots, unpacked; null where that cannot be had. */
  readonly kernel?: () => Promise<Uint8Array | null>;
  /** Told of each font that is learned. */
  readonly keep?: (font: Font) => Promise<void>;
}

/** Asked while a frame has cells in no known font. The kernel is looked at a few times at most: it may not be there yet. */
export function createFontLearner({ kernel, keep }: FontSources = {}): (
  machine: Machine,
  frame: Frame,
) => Promise<Font | null> {
  const tries = new WeakMap<Machine, number>();
  let fromFile: Font | null | undefined;

  async function kernelsFont(machine: Machine): Promise<Font | null> {
    if (fromFile === undefined) {
      const bytes = (await kernel?.()) ?? null;
      fromFile = bytes && kernelFont(bytes);
    }
    if (fromFile) return fromFile;
    const tried = tries.get(machine) ?? 0;
    if (tried >= KERNEL_FONT_TRIES) return null;
    tries.set(machine, tried + 1);
    return learnKernelFont(machine);
  }

  return async (machine, frame) => {
    const font = isTextMode(frame) ? await learnVgaFont(machine) : await kernelsFont(machine);
    if (font) await keep?.(font);
    return font;
  };
}

/** An adapter's text modes are never larger; in a graphics mode its memory holds pixels and no font. */
function isTextMode({ width, height }: Frame): boolean {
  return (width === 720 || width === 640) && height <= 400;
}
