/** Pictures from outside: read exactly, or refused with the reason, before they cost anything. */
import assert from 'node:assert/strict';
import { crc32, deflateSync } from 'node:zlib';
import { UsageError } from '../../src/errors.ts';
import { decodePicture, encodeGreyPng, encodePng } from '../../src/picture/index.ts';
import { seeded } from '../support/random.ts';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

function header(width: number, height: number, depth = 8, colourType = 2, interlace = 0): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colourType, 0, 0, interlace], 8);
  return chunk('IHDR', data);
}

const png = (...chunks: Buffer[]): Buffer => Buffer.concat([SIGNATURE, ...chunks, chunk('IEND', Buffer.alloc(0))]);
const pixels = (...rows: number[][]): Buffer => chunk('IDAT', deflateSync(Uint8Array.from(rows.flat())));

describe('reading a picture', () => {
  it('undoes every row filter', () => {
    // Each row is 10 20 30, 40 50 60, 70 80 90 in another filter.
    const straight = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    const rows = [
      [0, ...straight],
      [1, 10, 20, 30, 30, 30, 30, 30, 30, 30],
      [2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [3, 5, 10, 15, 15, 15, 15, 15, 15, 15],
      [4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    const { rgb } = decodePicture(png(header(3, 5), pixels(...rows)), 'filters');
    assert.deepEqual([...rgb], [...straight, ...straight, ...straight, ...straight, ...straight]);
  });

  it('reads greys, palettes, few and many bits, and leaves transparency out', () => {
    const cases: readonly (readonly [name: string, file: Buffer, rgb: readonly number[]])[] = [
      ['grey, 1 bit', png(header(3, 1, 1, 0), pixels([0, 0b10100000])), [255, 255, 255, 0, 0, 0, 255, 255, 255]],
      ['grey, 4 bits', png(header(2, 1, 4, 0), pixels([0, 0x3f])), [51, 51, 51, 255, 255, 255]],
      ['grey, 16 bits', png(header(1, 1, 16, 0), pixels([0, 0x12, 0xff])), [0x12, 0x12, 0x12]],
      ['grey with alpha', png(header(1, 1, 8, 4), pixels([0, 77, 3])), [77, 77, 77]],
      ['colours with alpha', png(header(1, 1, 8, 6), pixels([0, 1, 2, 3, 4])), [1, 2, 3]],
      ['colours, 16 bits', png(header(1, 1, 16, 2), pixels([0, 1, 99, 2, 99, 3, 99])), [1, 2, 3]],
      [
        'palette, 2 bits',
        png(header(2, 1, 2, 3), chunk('PLTE', Buffer.from([9, 8, 7, 6, 5, 4])), pixels([0, 0b01000000])),
        [6, 5, 4, 9, 8, 7],
      ],
    ];
    for (const [name, file, rgb] of cases) assert.deepEqual([...decodePicture(file, name).rgb], rgb, name);
  });

  it('reads what it writes, and PPM', () => {
    const random = seeded(5);
    const rgb = Uint8Array.from({ length: 17 * 9 * 3 }, () => Math.floor(random() * 256));
    const picture = { width: 17, height: 9, rgb };
    assert.deepEqual(decodePicture(encodePng(picture), 'png').rgb, rgb);
    const ppm = Buffer.concat([Buffer.from('P6\n# by hand\n17 9\n255\n'), rgb]);
    assert.deepEqual(Uint8Array.from(decodePicture(ppm, 'ppm').rgb), rgb);
    const grey = rgb.subarray(0, 17 * 9);
    const read = decodePicture(encodeGreyPng({ width: 17, height: 9, grey }), 'grey').rgb;
    assert.deepEqual(
      read.filter((_, at) => at % 3 === 0),
      grey,
    );
  });

  const whole = png(header(1, 1), pixels([0, 1, 2, 3]));
  const refused: readonly (readonly [what: string, file: Uint8Array, code: string, why: RegExp])[] = [
    ['nothing', new Uint8Array(), 'picture/unknown-format', /it is empty/],
    ['something else', Buffer.from('GIF89a'), 'picture/unknown-format', /neither PNG nor/],
    ['a file that was cut off', whole.subarray(0, -20), 'picture/bad-png', /ends/],
    [
      'a checksum that does not hold',
      Buffer.from(whole).fill(1, 20, 21),
      'picture/bad-png',
      /checksum of its chunk IHDR/,
    ],
    ['bytes after the end', Buffer.concat([whole, Buffer.from('x')]), 'picture/bad-png', /1 bytes after its end/],
    ['no pixels', png(header(1, 1)), 'picture/bad-png', /no pixels/],
    [
      'too few pixels',
      png(header(1, 2), pixels([0, 1, 2, 3])),
      'picture/bad-png',
      /pixels are 4 bytes, its header asks for 8/,
    ],
    ['an unknown filter', png(header(1, 1), pixels([5, 1, 2, 3])), 'picture/bad-png', /row 0 has the unknown filter 5/],
    ['interlacing', png(header(1, 1, 8, 2, 1), pixels([0, 1, 2, 3])), 'picture/bad-png', /interlaced/],
    [
      'a depth that there is not',
      png(header(1, 1, 3, 2), pixels([0, 1])),
      'picture/bad-png',
      /colour type 2 with 3 bits/,
    ],
    ['no palette', png(header(1, 1, 8, 3), pixels([0, 1])), 'picture/bad-png', /no palette/],
    [
      'a colour beyond the palette',
      png(header(1, 1, 8, 3), chunk('PLTE', Buffer.from([1, 2, 3])), pixels([0, 1])),
      'picture/bad-png',
      /a pixel has colour 1/,
    ],
    ['no size', png(header(0, 5), pixels([0])), 'picture/bad-png', /0x5/],
    [
      'pixels that are no zlib',
      png(header(1, 1), chunk('IDAT', Buffer.from('no'))),
      'picture/bad-png',
      /cannot be inflated/,
    ],
    [
      'a critical chunk of tomorrow',
      png(header(1, 1), chunk('ABCD', Buffer.alloc(0)), pixels([0, 1, 2, 3])),
      'picture/bad-png',
      /critical chunk ABCD/,
    ],
    ['a PPM that is too short', Buffer.from('P6 2 2 255 x'), 'picture/bad-ppm', /needs 12 bytes of pixels, it has 1/],
    ['a PPM of 16 bits', Buffer.from('P6 1 1 65535 123456'), 'picture/bad-ppm', /header/],
  ];
  for (const [what, file, code, why] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => decodePicture(file, 'shot.png'),
        (error: unknown) =>
          error instanceof UsageError &&
          error.code === code &&
          why.test(error.message) &&
          error.message.includes('shot.png'),
      );
    });
  }

  it('threat 37: refuses a picture that says it is huge before it inflates a byte of it', () => {
    // 60000x60000 pixels would be 10 GB. Its data is no zlib stream, which would be told if it were looked at.
    const bomb = png(header(60_000, 60_000), chunk('IDAT', Buffer.from('never read')));
    assert.throws(() => decodePicture(bomb, 'bomb.png'), { code: 'picture/too-large', message: /60000x60000/ });
    const ppm = Buffer.from('P6 60000 60000 255 ');
    assert.throws(() => decodePicture(ppm, 'bomb.ppm'), { code: 'picture/too-large' });
  });

  it('threat 37: stops inflating a picture that unfolds into more than it says', () => {
    const bomb = png(header(2, 2), chunk('IDAT', deflateSync(Buffer.alloc(200_000_000))));
    assert.ok(bomb.length < 250_000);
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => decodePicture(bomb, 'bomb.png'), {
      code: 'picture/bad-png',
      message: /unfold into more than the 14 bytes/,
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
  });
});
