/** Needles, colours and recognised text as conditions of a running step: met, stale, and what a failure says instead. */
import assert from 'node:assert/strict';
import type { Frame } from '../../../src/workshop/machine/types.ts';
import type { Picture } from '../../../src/picture/types.ts';
import type { Condition } from '../../../src/recipe/types.ts';
import { evaluate, showsAnything } from '../../../src/workshop/provision/conditions.ts';
import type { Observation } from '../../../src/workshop/provision/observer.ts';
import { parseNeedle } from '../../../src/workshop/screen/openqa-needle.ts';
import { createPictureReaders } from '../../../src/workshop/screen/picture-reader.ts';
import { createRecogniser } from '../../../src/workshop/screen/recognise.ts';
import { recipeNeedleOf } from '../../../src/workshop/screen/recipe-needle.ts';
import { mottledPicture } from '../../support/mottled.ts';
import { paperScreen } from './paper-machine.ts';
import { reader } from './paper-run.ts';

const AREA = { xpos: 30, ypos: 20, width: 40, height: 30, margin: 10, click_point: { xpos: 5, ypos: 6 } };
const description = parseNeedle(new TextEncoder().encode(JSON.stringify({ area: [AREA] })), 'thing');
const needles = { thing: recipeNeedleOf(description, mottledPicture(1)) };

const frameOf = (picture: Picture, sequence: number): Frame => ({ ...picture, sequence, capturedAtMs: 100 });

function look(now: Picture, before?: Picture): Observation {
  const frame = before ? frameOf(before, 1) : null;
  return {
    frame: frameOf(now, 2),
    screen: paperScreen([]),
    serialLines: [],
    serialBytes: new Uint8Array(),
    events: [],
    requests: [],
    mark: { sentAtMs: 0, screen: null, frame, serialBytes: 0, events: 0, requests: 0 },
    changedAtMs: 0,
    activeAtGuestMs: 0,
    current: true,
  };
}

const recognised: string[] = [];
const recogniser = {
  recognise: (screen: Picture) => {
    recognised.push(`${screen.width}`);
    return Promise.resolve(screen.width === 160 ? 'C0ntinue with the install' : 'Stop');
  },
  close: () => Promise.resolve(),
};
const pictures = createPictureReaders(recogniser)(needles);
const how = (fresh = false) => ({ reader, pictures, fresh, durationMs: Number, nowMs: 0 });
const judge = (condition: Condition, seen: Observation, fresh = false) => evaluate(condition, seen, how(fresh));

describe('conditions on pictures', () => {
  it('see a needle in its place, moved within its margin, and say where to click', () => {
    const verdict = judge({ needle: 'thing' }, look(mottledPicture(1)));
    assert.deepEqual(
      [verdict.met, verdict.eye, verdict.place?.x, verdict.place?.click],
      [true, 'needle 100.0 %', 30, { x: 35, y: 26 }],
    );
    assert.deepEqual(judge({ needle: 'thing' }, look(mottledPicture(1, 6))).place?.click, { x: 41, y: 26 });
  });

  it('say of a needle that is not there how well it fits, and where else it is', () => {
    const other = judge({ needle: 'thing' }, look(mottledPicture(9)));
    assert.equal(other.met, false);
    assert.match(other.evidence?.() ?? '', /^the needle "thing" fits \d+\.\d % of 96 % at \d+,\d+$/);
    const moved = judge({ any: [{ needle: 'thing' }, { text: 'no' }] }, look(mottledPicture(1, 60)));
    assert.match(moved.evidence?.() ?? '', /; it is elsewhere: 100\.0 % of 96 % at 90,20$/);
  });

  it('take a needle for new only where it was not before the last input', () => {
    const [shown, moved, other] = [mottledPicture(1), mottledPicture(1, 5), mottledPicture(9)];
    const verdicts = [other, moved, shown].map((before) => judge({ needle: 'thing' }, look(shown, before), true));
    assert.deepEqual(
      verdicts.map(({ met, stale }) => [met, stale]),
      [
        [true, undefined],
        [true, undefined],
        [false, true],
      ],
    );
    assert.equal(judge({ needle: 'thing' }, look(shown, shown), false).met, true);
    assert.equal(judge({ gone: { needle: 'thing' } }, look(other, shown), true).met, true);
    assert.equal(showsAnything({ any: [{ needle: 'thing' }] }, look(shown, shown), how(true)), true);
  });

  it('see a colour, new or old, and say which one is there', () => {
    const [red, green] = [plain(0xcc2211), plain(0x22cc11)];
    const pixel = { pixel: { at: [3, 2], colour: '#cf2010' } } as const;
    assert.equal(judge(pixel, look(red)).met, true);
    assert.equal(judge({ pixel: { ...pixel.pixel, within: 2 } }, look(red)).met, false);
    assert.equal(judge(pixel, look(green)).evidence?.(), 'at 3,2 is #22cc11');
    assert.equal(
      judge({ pixel: { at: [900, 2], colour: '#cf2010' } }, look(red)).evidence?.(),
      'at 900,2 is no pixel of this screen',
    );
    assert.deepEqual(
      [judge(pixel, look(red, green), true).met, judge(pixel, look(red, red), true).stale],
      [true, true],
    );
  });

  it('recognise text within its distance, once a frame, and say what was read', async () => {
    const area = [0, 0, 100, 20] as const;
    const condition = { ocr: { text: 'Continue with', area } };
    const seen = look(mottledPicture(1));
    assert.equal(judge(condition, seen).met, false);
    const signal = new AbortController().signal;
    await pictures.recognise([{ all: [condition, { text: 'x' }] }], seen.frame, signal);
    await pictures.recognise([condition], seen.frame, signal);
    assert.equal(recognised.length, 1);
    assert.equal(judge(condition, seen).met, true);
    const exact = judge({ ocr: { ...condition.ocr, distance: 0 } }, seen);
    assert.deepEqual([exact.met, exact.evidence?.()], [false, 'recognised there: "C0ntinue with the install"']);
    await pictures.recognise([condition], plainFrame, signal);
    assert.deepEqual([judge(condition, look(mottledPicture(1), plainFrame)).met, recognised.length], [false, 2]);
  });

  it('say plainly what to install where text is to be recognised and nothing is there to do it', async () => {
    const without = createRecogniser(() => Promise.reject(new Error('Cannot find package')));
    await assert.rejects(without.recognise(mottledPicture(1), [0, 0, 9, 9], new AbortController().signal), {
      code: 'screen/no-recognition',
      exitCode: 5,
      hint: /npm install tesseract\.js @tesseract\.js-data\/eng/,
    });
  });
});

function plain(colour: number): Picture {
  const rgb = new Uint8Array(20 * 10 * 3);
  for (let at = 0; at < 200; at++) rgb.set([colour >> 16, (colour >> 8) & 255, colour & 255], at * 3);
  return { width: 20, height: 10, rgb };
}
const plainFrame = frameOf(plain(0), 9);
