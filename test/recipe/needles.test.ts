/** Conditions on pictures: needles carried by the recipe, recognised text, colours; and what each may be changed to. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { encodeGreyPng, encodePng } from '../../src/picture/index.ts';
import {
  classOf,
  describeCondition,
  lintRecipe,
  matchesAnything,
  parseRecipe,
  resolveRecipe,
} from '../../src/recipe/index.ts';
import type { Condition, Operation, Recipe, RecipeNeedle, Step } from '../../src/recipe/types.ts';
import { stepDigest } from '../../src/recipe/digest.ts';
import { seeded } from '../support/random.ts';

const random = seeded(2);
const grey = (width: number, height: number, value: () => number): string =>
  Buffer.from(encodeGreyPng({ width, height, grey: Uint8Array.from({ length: width * height }, value) })).toString(
    'base64',
  );
const speckled = (): number => Math.floor(random() * 4) * 80;

/** What is excluded painted as an importer paints it, in all of the area's columns but the last, which are speckled. */
function plainBut(width: number, speckledColumns: number): string {
  let at = 0;
  return grey(width + 2, 18, () => (at++ % (width + 2) > width - speckledColumns ? speckled() / 8 : 150));
}

const BUTTON: RecipeNeedle = { areas: [{ at: [30, 20, 40, 16], png: grey(42, 18, speckled), click: 'center' }] };

function recipe(when: Condition, rest: Partial<Recipe> = {}, step: Partial<Step> = {}): string {
  return JSON.stringify({
    recipe: 1,
    name: 'pictures',
    version: '1.0.0',
    summary: 'Looks at pictures',
    machine: { arch: 'x86_64', memory: '64M' },
    steps: [{ id: 'look', when, do: [{ key: 'enter' }], expect: { text: 'something else' }, ...step }],
    ...rest,
  });
}

describe('needles in a recipe', () => {
  it('are named by conditions and places, and part of the digest', () => {
    const needles = { button: BUTTON };
    const source = recipe({ needle: 'button' }, { needles }, { do: [{ click: { needle: 'button' } }] });
    const checked = parseRecipe(source);
    assert.deepEqual(lintRecipe(checked), []);
    assert.deepEqual(resolveRecipe(checked).recipe.needles, needles);
    const other = parseRecipe(source.replace('"center"', '[1,1]'));
    assert.notEqual(other.digest, checked.digest);
  });

  const area = BUTTON.areas[0]!;
  const refused: readonly (readonly [what: string, needle: RecipeNeedle, message: RegExp])[] = [
    [
      'pixels of another size',
      { areas: [{ ...area, at: [30, 20, 44, 16] }] },
      /areas\[0\]\.png: the picture has 42 by 18 pixels.*expected/,
    ],
    [
      'a picture in colour',
      {
        areas: [
          {
            ...area,
            png: Buffer.from(encodePng({ width: 42, height: 18, rgb: new Uint8Array(42 * 18 * 3) })).toString('base64'),
          },
        ],
      },
      /colour type 2; expected 8-bit grey/,
    ],
    [
      'a picture that is none',
      { areas: [{ ...area, png: 'iVBORw0KGgoAAAAN' }] },
      /areas\[0\]\.png: .*cannot be read as a picture/,
    ],
    ['no base64', { areas: [{ ...area, png: 'not base64!' }] }, /expected a PNG in base64/],
    ['no area', { areas: [] }, /at least 1/],
    ['an area without pixels', { areas: [{ ...area, at: [30, 20, 0, 16] }] }, /0 by 16 pixels large/],
    ['an area too large', { areas: [{ ...area, at: [30, 20, 600, 600] }] }, /360000 pixels, more than 262144/],
    [
      'an empty screen',
      { areas: [{ at: [30, 20, 40, 16], png: grey(42, 18, () => 99) }] },
      /so plain that an empty screen matches/,
    ],
    [
      'what is as good as an empty screen',
      { areas: [{ ...area, match: 1, png: grey(42, 18, () => 99 + Math.floor(random() * 20)) }] },
      /so plain/,
    ],
    [
      'what is on it only where it is excluded',
      { areas: [{ ...area, png: plainBut(40, 1) }], exclude: [[30, 20, 39, 16]] },
      /so plain that an empty screen matches it; .* not excluded/,
    ],
    ['nothing but what is excluded', { areas: [area], exclude: [[0, 0, 200, 200]] }, /so plain/],
    ['a click beside the area', { areas: [{ ...area, click: [41, 3] }] }, /41, 3 is not inside/],
    ['two clicks', { areas: [area, area] }, /more than one area/],
  ];
  it('may have much excluded, as long as something is left to see', () => {
    const needle: RecipeNeedle = { areas: [area], exclude: [[30, 20, 20, 16]] };
    parseRecipe(recipe({ needle: 'half' }, { needles: { half: needle } }));
  });

  for (const [what, needle, message] of refused) {
    it(`are refused with ${what}`, () => {
      assert.throws(() => parseRecipe(recipe({ needle: 'bad' }, { needles: { bad: needle } })), {
        code: 'recipe/invalid',
        message,
      });
    });
  }

  it('threat 37: are refused where their picture says that it is huge, before it is decoded', () => {
    const png = Buffer.from(encodeGreyPng({ width: 1, height: 1, grey: new Uint8Array(1) }));
    png.writeUInt32BE(1_000_000, 16);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    const needle = { areas: [{ ...area, png: png.toString('base64') }] };
    assert.throws(() => parseRecipe(recipe({ needle: 'bomb' }, { needles: { bomb: needle } })), {
      code: 'recipe/invalid',
      message: /1000000x1/,
    });
    const many = Object.fromEntries(
      Array.from({ length: 5 }, (_, index) => [`n${index}`, { areas: [{ ...area, at: [0, 0, 500, 500] as const }] }]),
    );
    assert.throws(() => parseRecipe(recipe({ text: 'any text' }, { needles: many })), {
      message: /1250000 pixels together, more than 1048576/,
    });
  });

  it('threat 37: are refused where looking for them would take seconds a frame', () => {
    const everywhere = { areas: [{ ...area, margin: 4000 }] };
    assert.throws(() => parseRecipe(recipe({ needle: 'n' }, { needles: { n: everywhere } })), {
      code: 'recipe/invalid',
      message: /looked for in \d+ pixels together, more than 4194304; give them smaller margins/,
    });
  });

  it('that nobody looks for are a warning of lint', () => {
    const findings = lintRecipe(parseRecipe(recipe({ needle: 'a' }, { needles: { a: BUTTON, b: BUTTON } })));
    assert.deepEqual(
      findings.map(({ severity, message }) => [severity, message]),
      [['warning', 'the needle b is never used']],
    );
  });

  it('must be there where they are named', () => {
    assert.throws(() => parseRecipe(recipe({ needle: 'buton' }, { needles: { button: BUTTON } })), {
      message: /no needle "buton"; did you mean "button"/,
    });
    assert.throws(() => parseRecipe(recipe({ all: [{ text: 'abc' }, { gone: { needle: 'x' } }] })), {
      message: /steps\[0\]\.when\.all\[1\]\.gone\.needle: there is no needle/,
    });
  });
});

describe('conditions on pictures', () => {
  it('say what they are in words', () => {
    assert.equal(describeCondition({ needle: 'button' }), 'the needle "button"');
    assert.match(
      describeCondition({ ocr: { text: 'Continue', area: [1, 2, 30, 40] } }),
      /recognised text "Continue" \(at most 1 wrong\) in the 30 by 40 pixels at 1, 2/,
    );
    assert.equal(
      describeCondition({ pixel: { at: [3, 4], colour: '#ff0000' } }),
      'the colour #ff0000 (each channel within 8) at 3, 4',
    );
  });

  it('are refused where they are not exact', () => {
    for (const [when, message] of [
      [{ pixel: { at: [1, 2], colour: 'red' } }, /colour: found "red", expected a colour such as/],
      [{ pixel: { at: [-1, 2], colour: '#ff0000' } }, /at least 0/],
      [{ ocr: { text: 'Continue' } }, /the field "area" is missing/],
      [{ ocr: { text: 'Continue', area: [0, 0, 0, 9] } }, /0 by 9 pixels large/],
      [{ ocr: { text: '{{nobody}}', area: [0, 0, 9, 9] } }, /\{\{nobody\}\} is not a parameter/],
    ] as const)
      assert.throws(() => parseRecipe(recipe(when as unknown as Condition)), { message });
  });

  it('say nothing where they match almost anything, and lint says so', () => {
    const vague: readonly Condition[] = [
      { ocr: { text: 'ab', area: [0, 0, 9, 9] } },
      { ocr: { text: 'Continue', area: [0, 0, 9, 9], distance: 4 } },
      { pixel: { at: [1, 1], colour: '#000000' } },
      { pixel: { at: [1, 1], colour: '#8899aa', within: 100 } },
    ];
    for (const when of vague) {
      assert.equal(matchesAnything(when), true, describeCondition(when));
      assert.equal(lintRecipe(parseRecipe(recipe(when))).filter(({ severity }) => severity === 'error').length, 1);
    }
    for (const when of [
      { ocr: { text: 'Continue', area: [0, 0, 9, 9] } },
      { pixel: { at: [1, 1], colour: '#dd2244' } },
      { needle: 'x' },
    ] as const)
      assert.equal(matchesAnything(when), false, describeCondition(when));
  });

  it('have their parameters put in', () => {
    const params = { word: { type: 'string', default: 'Weiter', summary: 'The word' } } as const;
    const checked = parseRecipe(recipe({ ocr: { text: 'press {{word}}', area: [0, 0, 90, 90] } }, { params }));
    assert.deepEqual(resolveRecipe(checked).recipe.steps[0]?.when, {
      ocr: { text: 'press Weiter', area: [0, 0, 90, 90] },
    });
  });

  const needles = { a: BUTTON, b: BUTTON };
  const changes: readonly (readonly [before: Condition, after: Condition, reach: string])[] = [
    [{ needle: 'a' }, { needle: 'a', timeout: '90s' }, 'wording'],
    [{ needle: 'a' }, { needle: 'b' }, 'authority'],
    [{ needle: 'a' }, { text: 'some words' }, 'authority'],
    [{ needle: 'a' }, { any: [{ needle: 'a' }, { needle: 'b' }] }, 'authority'],
    [{ needle: 'a' }, { all: [{ needle: 'a' }, { text: 'some words' }] }, 'wording'],
    [{ ocr: { text: 'Continue', area: [0, 0, 9, 9] } }, { ocr: { text: 'Go on now', area: [0, 0, 9, 9] } }, 'wording'],
    [{ ocr: { text: 'Continue', area: [0, 0, 9, 9] } }, { ocr: { text: 'Continue', area: [9, 0, 9, 9] } }, 'authority'],
    [
      { ocr: { text: 'Continue', area: [0, 0, 9, 9] } },
      { ocr: { text: 'Go on now', area: [0, 0, 9, 9], distance: 2 } },
      'authority',
    ],
    [{ pixel: { at: [1, 1], colour: '#dd2244' } }, { pixel: { at: [1, 1], colour: '#dd2255' } }, 'authority'],
    [{ text: 'some words' }, { pixel: { at: [1, 1], colour: '#dd2244' } }, 'authority'],
  ];
  for (const [before, after, reach] of changes) {
    it(`${describeCondition(before)} to ${describeCondition(after)} is ${reach}`, () => {
      const checked = parseRecipe(recipe(before, { needles }));
      const step = checked.recipe.steps[0]!;
      const operations: Operation[] = [
        { op: 'replace-step', id: 'look', was: stepDigest(step), step: { ...step, when: after } },
      ];
      assert.equal(classOf(checked, operations), reach);
    });
  }

  it('a new needle is a change of authority', () => {
    const checked = parseRecipe(recipe({ needle: 'a' }, { needles }));
    const operations: Operation[] = [{ op: 'set', path: ['needles', 'c'], was: null, value: BUTTON }];
    assert.equal(classOf(checked, operations), 'authority');
  });
});
