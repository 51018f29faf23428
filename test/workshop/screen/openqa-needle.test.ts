/** openQA's needle files: its defaults kept, everything else an exact error. */
import assert from 'node:assert/strict';
import { parseNeedle } from '../../../src/workshop/screen/openqa-needle.ts';

const AREA = { xpos: 1, ypos: 2, width: 30, height: 20 };
const parse = (value: unknown) => parseNeedle(new TextEncoder().encode(JSON.stringify(value)), 'n');

describe('an openQA needle', () => {
  it('has openQA’s defaults, and its truthiness, with a warning', () => {
    const { match, warnings } = parse({
      area: [AREA, { ...AREA, match: '80', margin: 300 }, { ...AREA, match: 0, margin: 0 }],
    });
    assert.deepEqual(
      match.map(({ match, margin }) => [match, margin]),
      [
        [96, 50],
        [80, 300],
        [96, 50],
      ],
    );
    assert.deepEqual(warnings.length, 2);
  });

  it('keeps tags once, knows a workaround by its property, leaves text areas out with a warning', () => {
    const needle = parse({
      area: [AREA, { ...AREA, type: 'ocr' }],
      tags: ['a', 'b', 'a'],
      properties: [{ name: 'workaround', value: 'bsc#1' }],
    });
    assert.deepEqual([needle.tags, needle.workaround, needle.match.length], [['a', 'b'], true, 1]);
    assert.equal(needle.warnings.length, 2);
    assert.equal(parse({ area: [AREA], properties: ['other'] }).workaround, false);
  });

  const bad: readonly (readonly [value: unknown, why: RegExp])[] = [
    [[], /it is not an object/],
    [{ area: {} }, /area is not a list/],
    [{ area: [] }, /no area to match/],
    [{ area: [{ ...AREA, type: 'exclude' }] }, /no area to match/],
    [{ area: [{ ...AREA, type: 'ocr' }] }, /no area to match/],
    [{ area: [{ ...AREA, type: 'maybe' }] }, /area\[0\]\.type is "maybe"/],
    [{ area: [{ ...AREA, xpos: -1 }] }, /area\[0\]\.xpos is -1/],
    [{ area: [{ ...AREA, width: 0 }] }, /area\[0\] is 0x20/],
    [{ area: [{ ...AREA, height: 1.5 }] }, /area\[0\]\.height is 1\.5/],
    [{ area: [{ ...AREA, match: 101 }] }, /area\[0\]\.match is 101/],
    [{ area: [{ ...AREA, click_point: 'middle' }] }, /click_point is not an object/],
    [{ area: [{ ...AREA, click_point: { xpos: 0, ypos: 3 } }] }, /no click point at 0/],
    [{ area: [{ ...AREA, click_point: { xpos: 31, ypos: 3 } }] }, /outside of its area/],
    [{ area: [AREA, AREA].map((area) => ({ ...area, click_point: 'center' })) }, /not all of them have an id/],
    [{ area: [AREA], tags: [1] }, /tags\[0\] is not a text/],
    [{ area: Array.from({ length: 65 }, () => AREA) }, /65 areas/],
  ];
  for (const [value, why] of bad) {
    it(`is refused: ${why.source}`, () => {
      assert.throws(() => parse(value), { code: 'screen/bad-needle', message: why });
    });
  }
});
