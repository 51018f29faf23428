/**
 * Text recognition (OCR), for proportional text that no font reads. Slow and unsure, so it is the last of the eyes: bound
 * to an area, compared with an expected text within an edit distance. `tesseract.js` and its English data are optional
 * packages, loaded when a recipe first asks for them; nothing is fetched from anywhere.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { UnavailableError } from '../../errors.ts';
import { encodePng } from '../../picture/write-png.ts';
import type { Picture } from '../../picture/types.ts';
import type { PixelArea } from '../../recipe/types.ts';
import { RECOGNISED_HEIGHT_PIXELS, RECOGNITION_IDLE_MS } from './limits.ts';
import { substringDistance } from './nearest.ts';

export interface TextRecogniser {
  /** The lines found in the area (cut off at the screen's edges), as one text. Throws `screen/no-recognition`. */
  recognise(screen: Picture, area: PixelArea, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** The part of tesseract.js that is used here. */
interface Worker {
  recognize(image: Buffer): Promise<{ readonly data: { readonly text: string } }>;
  terminate(): Promise<unknown>;
  /** The thread behind it. It must keep nobody from ending who is not waiting for it. */
  readonly worker?: { ref(): void; unref(): void };
}

export const RECOGNITION_PACKAGES = ['tesseract.js', '@tesseract.js-data/eng'] as const;

/** `load` is replaced by tests that must not find the packages. */
export function createRecogniser(load: () => Promise<Worker> = loadTesseract): TextRecogniser {
  let worker: Promise<Worker> | undefined;
  let idle: NodeJS.Timeout | undefined;

  async function close(): Promise<void> {
    const started = worker;
    worker = undefined;
    clearTimeout(idle);
    // Where loading failed there is nothing to end; whoever recognised was told.
    await started?.then((running) => running.terminate()).catch(() => undefined);
  }

  return {
    close,
    async recognise(screen, area, signal) {
      signal.throwIfAborted();
      clearTimeout(idle);
      worker ??= load().catch((cause: unknown) => {
        worker = undefined;
        throw notInstalled(cause);
      });
      const running = await worker;
      const piece = cutOut(screen, area);
      if (piece === undefined) return '';
      running.worker?.ref();
      try {
        const { data } = await running.recognize(Buffer.from(encodePng(piece)));
        return data.text.replace(/\s+/g, ' ').trim();
      } finally {
        running.worker?.unref();
        // It takes some 100 MB: a node that has built is not to keep it.
        idle = setTimeout(() => void close(), RECOGNITION_IDLE_MS).unref();
      }
    },
  };
}

async function loadTesseract(): Promise<Worker> {
  // Both packages are optional: whatever keeps them from being found, the answer is to install them.
  const data = path.dirname(createRequire(import.meta.url).resolve('@tesseract.js-data/eng/package.json'));
  const tesseract = (await import('tesseract.js')).default as unknown as {
    createWorker(languages: string, mode: number, options: object): Promise<Worker>;
  };
  // LSTM only. The data lie in the package: nothing is downloaded, and nothing written beside it.
  return tesseract.createWorker('eng', 1, {
    langPath: path.join(data, '4.0.0_best_int'),
    cacheMethod: 'none',
    gzip: true,
  });
}

function notInstalled(cause: unknown): UnavailableError {
  return new UnavailableError('screen/no-recognition', 'a recipe asks for text recognition, which is not installed', {
    hint: `install it beside portalgun: npm install ${RECOGNITION_PACKAGES.join(' ')}`,
    cause,
  });
}

/** Small letters are drawn larger: recognition is made for scans. Undefined outside of the screen. */
function cutOut({ width, height, rgb }: Picture, [left, top, wide, high]: PixelArea): Picture | undefined {
  const [right, bottom] = [Math.min(width, left + wide), Math.min(height, top + high)];
  if (left >= right || top >= bottom) return undefined;
  const scale = Math.max(1, Math.min(4, Math.floor(RECOGNISED_HEIGHT_PIXELS / (bottom - top))));
  const [across, down] = [(right - left) * scale, (bottom - top) * scale];
  const out = new Uint8Array(across * down * 3);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const from = ((top + Math.floor(y / scale)) * width + left + Math.floor(x / scale)) * 3;
      out.set(rgb.subarray(from, from + 3), (y * across + x) * 3);
    }
  }
  return { width: across, height: down, rgb: out };
}

/** Characters of the wanted text that the recognised one has wrong, at the best place; blanks count as one. */
export function recognitionDistance(wanted: string, recognised: string): number {
  const fold = (text: string): string => text.replace(/\s+/g, ' ').trim();
  return substringDistance(fold(wanted), fold(recognised));
}
