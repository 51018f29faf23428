/** Needles match as openQA's do: the answers of its own matcher, tinycv, are the vectors. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { correlate } from '../../../src/workshop/screen/correlate.ts';
import { findPatch } from '../../../src/workshop/screen/find-patch.ts';
import { createScene, matchNeedle, rankMatches, type Needle } from '../../../src/workshop/screen/needle.ts';
import { needleOf, parseNeedle } from '../../../src/workshop/screen/openqa-needle.ts';
import { needleOfRecipe, recipeNeedleOf } from '../../../src/workshop/screen/recipe-needle.ts';
import { paintNeedles } from '../../support/needle-screens.ts';
import { seeded } from '../../support/random.ts';

interface Vectors {
  readonly seed: number;
  readonly answers: readonly {
    readonly ratio: number;
    readonly screen: string;
    readonly needle: string;
    readonly areas: readonly { readonly similarity: number; readonly x: number; readonly y: number }[];
  }[];
}

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe('matching a needle', function () {
  this.timeout(120_000);

  it('gives tinycv’s similarities, to the last bit where the place is the same', async () => {
    const file = path.join(import.meta.dirname, '../../vectors/tinycv.json');
    const { seed, answers } = JSON.parse(await readFile(file, 'utf8')) as Vectors;
    const painted = paintNeedles(seed);
    const needles = new Map(
      painted.needles.map(({ name, json, picture }) => [name, needleOf(parseNeedle(bytes(json), name), picture)]),
    );
    const screens = new Map(painted.screens.map(({ name, picture }) => [name, picture]));
    let areas = 0;
    const elsewhere: string[] = [];
    for (const { ratio, screen, needle, areas: expected } of answers) {
      const found = matchNeedle(createScene(screens.get(screen)!), needles.get(needle)!, ratio);
      assert.equal(found.areas.length, expected.length);
      for (const [index, { similarity, x, y }] of found.areas.entries()) {
        const wanted = expected[index]!;
        areas += 1;
        const at = `${needle} on ${screen}, ratio ${ratio}, area ${index}`;
        if (x === wanted.x && y === wanted.y) {
          assert.ok(
            Math.abs(similarity - wanted.similarity) < 1e-12,
            `${at}: ${similarity}, tinycv ${wanted.similarity}`,
          );
        } else {
          // Its sums come from a transform in single precision: among places that are as good as equal it may take another.
          elsewhere.push(at);
          assert.ok(
            Math.abs(similarity - wanted.similarity) < 0.02,
            `${at}: ${similarity}, tinycv ${wanted.similarity}`,
          );
        }
      }
    }
    assert.ok(areas > 200);
    assert.ok(elsewhere.length < areas / 20, `${elsewhere.length} of ${areas} elsewhere: ${elsewhere.join('; ')}`);
  });

  it('gives the same for a needle that was cut down for a recipe', () => {
    const { needles, screens } = paintNeedles(4);
    for (const { name, json, picture } of needles) {
      const described = parseNeedle(bytes(json), name);
      // Several areas are softened together in a whole picture, which moves a last column's rounding.
      const one = { ...described, match: described.match.slice(0, 1) };
      const cut = needleOfRecipe(name, recipeNeedleOf(one, picture));
      const whole = needleOf(one, picture);
      for (const screen of screens.slice(0, 4)) {
        const [a, b] = [matchNeedle(createScene(screen.picture), whole), matchNeedle(createScene(screen.picture), cut)];
        assert.deepEqual(b.areas, a.areas);
      }
    }
  });

  it('needs every area, each as good as it asks for', () => {
    const picture = screenOf((x, y) => mottled(x, y));
    const changed = screenOf((x, y) => (x >= 60 && x < 80 && y >= 40 && y < 60 ? 0 : mottled(x, y)));
    const area = [
      { xpos: 4, ypos: 4, width: 20, height: 20 },
      { xpos: 60, ypos: 40, width: 20, height: 20, match: 10 },
    ];
    const needle = needleOf(parseNeedle(bytes({ area }), 'two'), picture);
    assert.equal(matchNeedle(createScene(picture), needle).ok, true);
    const { ok, areas } = matchNeedle(createScene(changed), needle);
    assert.deepEqual([ok, areas.map((one) => one.ok)], [false, [true, false]]);
  });

  it('does not look at what is excluded', () => {
    const picture = screenOf((x, y) => mottled(x, y));
    const changed = screenOf((x, y) => (x >= 10 && x < 20 && y >= 10 && y < 20 ? 255 : mottled(x, y)));
    const match = { xpos: 4, ypos: 4, width: 30, height: 30 };
    const without = needleOf(parseNeedle(bytes({ area: [match] }), 'without'), picture);
    const exclude = { xpos: 10, ypos: 10, width: 10, height: 10, type: 'exclude' };
    const excluding = needleOf(parseNeedle(bytes({ area: [match, exclude] }), 'with'), picture);
    const scene = createScene(changed);
    assert.deepEqual([matchNeedle(scene, without).ok, matchNeedle(scene, excluding).ok], [false, true]);
  });

  it('says where to click: the middle, or a point of the area, wherever that was found', () => {
    const picture = screenOf((x, y) => (x >= 40 && x < 60 && y >= 20 && y < 30 ? ((x * 31 + y * 57) % 11) * 23 : 90));
    const moved = screenOf((x, y) =>
      x >= 45 && x < 65 && y >= 27 && y < 37 ? (((x - 5) * 31 + (y - 7) * 57) % 11) * 23 : 90,
    );
    const at = { xpos: 40, ypos: 20, width: 20, height: 10 };
    for (const [click_point, place] of [
      ['center', { x: 55, y: 32 }],
      [
        { xpos: 2, ypos: 3, id: 'left' },
        { x: 47, y: 30, id: 'left' },
      ],
    ] as const) {
      const needle = needleOf(parseNeedle(bytes({ area: [{ ...at, click_point }] }), 'click'), picture);
      const [found] = matchNeedle(createScene(moved), needle).areas;
      assert.deepEqual([found?.ok, found?.x, found?.y, found?.click], [true, 45, 27, place]);
    }
  });

  it('finds an area beyond its margin with a wider search only', () => {
    const mark = (left: number) =>
      screenOf((x, y) => (x >= left && x < left + 12 && y >= 50 && y < 62 ? ((x - left) * 19 + y * 5) % 200 : 220));
    const area = [{ xpos: 10, ypos: 50, width: 12, height: 12, margin: 5 }];
    const needle = needleOf(parseNeedle(bytes({ area }), 'far'), mark(10));
    assert.equal(matchNeedle(createScene(mark(80)), needle, 0).ok, false);
    const { ok, areas } = matchNeedle(createScene(mark(80)), needle, 1);
    assert.deepEqual([ok, areas[0]?.x, areas[0]?.similarity], [true, 80, 1]);
  });

  it('is no match where the screen is too small to hold the area', () => {
    const needle = needleOf(
      parseNeedle(bytes({ area: [{ xpos: 60, ypos: 60, width: 20, height: 20 }] }), 'big'),
      screenOf(() => 9),
    );
    const { ok, areas } = matchNeedle(createScene({ width: 50, height: 50, rgb: new Uint8Array(7500) }), needle);
    assert.deepEqual([ok, areas[0]?.similarity], [false, 0]);
  });

  it('ranks: found, least error, workarounds, by name', () => {
    const one = (name: string, ok: boolean, error: number, workaround = false) => ({
      needle: { name, workaround, areas: [], exclude: [], tags: [] } satisfies Needle,
      ok,
      error,
      areas: [],
    });
    const matches = [
      one('f', false, 0),
      one('d', true, 0.2),
      one('c', true, 0.1),
      one('b', true, 0.1),
      one('e', true, 0.2, true),
    ];
    assert.deepEqual(
      rankMatches(matches).map(({ needle }) => needle.name),
      ['b', 'c', 'e', 'd', 'f'],
    );
  });
});

describe('searching a patch', function () {
  this.timeout(120_000);

  it('finds what looking at every place finds, and so does the transform', () => {
    const random = seeded(7);
    for (let round = 0; round < 40; round++) {
      const [width, height] = [40 + Math.floor(random() * 40), 30 + Math.floor(random() * 30)];
      const levels = [2, 6, 256][round % 3] ?? 2;
      const value = (): number => Math.floor(random() * levels) * Math.floor(255 / (levels - 1));
      const plane = Uint8Array.from({ length: width * height }, value);
      const [across, down] = [9 + (round % 12), 8 + (round % 5)];
      const patch = { width: across, height: down, plane: Uint8Array.from({ length: across * down }, value) };
      const screen = { plane, width, height };
      const window = { x: 3, y: 2, width: width - 5, height: height - 4 };
      const original = { x: 3 + Math.floor(random() * (window.width - patch.width + 1)), y: 2 };
      const columns = window.width - patch.width + 1;
      const all = Array.from({ length: columns * (window.height - patch.height + 1) }, (_, at) => {
        const [x, y] = [window.x + (at % columns), window.y + Math.floor(at / columns)];
        let difference = 0;
        for (let i = 0; i < patch.plane.length; i++)
          difference +=
            (plane[(y + Math.floor(i / patch.width)) * width + x + (i % patch.width)]! - patch.plane[i]!) ** 2;
        return { x, y, difference };
      });
      assert.deepEqual(
        [...correlate(screen, patch, window)],
        all.map(({ difference }) => difference),
      );
      const found = findPatch(screen, patch, window, original);
      const least = Math.min(...all.map(({ difference }) => difference));
      assert.ok(found.difference <= least + 10);
      assert.deepEqual(
        found,
        all.find(({ x, y }) => x === found.x && y === found.y),
      );
    }
  });

  it('takes no longer over stripes, where every other place is as good', () => {
    // 200x200 pixels at 425,000 places would be 17 thousand million comparisons.
    const screen = { width: 900, height: 800, plane: Uint8Array.from({ length: 720_000 }, (_, at) => (at % 2) * 90) };
    const patch = { width: 200, height: 200, plane: Uint8Array.from({ length: 40_000 }, (_, at) => (at % 2) * 91) };
    const found = findPatch(screen, patch, { x: 0, y: 0, width: 900, height: 800 }, { x: 301, y: 300 });
    assert.equal(found.difference, 20_000);
  });
});

/** Blocks of 4x4 pixels of any brightness: nothing on it is anywhere else. */
const MOTTLES = Array.from({ length: 25 * 20 }, seeded(3));
function mottled(x: number, y: number): number {
  return Math.floor((MOTTLES[Math.floor(y / 4) * 25 + Math.floor(x / 4)] ?? 0) * 256);
}

function screenOf(value: (x: number, y: number) => number) {
  const [width, height] = [100, 80];
  const rgb = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at++) rgb.fill(value(at % width, Math.floor(at / width)), at * 3, at * 3 + 3);
  return { width, height, rgb };
}
