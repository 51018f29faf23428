import assert from 'node:assert/strict';
import { decodeQR } from 'qr/decode.js';
import { qrLines } from '../../src/cli/qr.ts';

/** Two rows of modules a line, light ones drawn: as a camera would see it, four pixels a module. */
function pictureOf(lines: readonly string[]) {
  const rows = lines.flatMap((line) => [
    line.split('').map((block) => '█▀'.includes(block)),
    line.split('').map((block) => '█▄'.includes(block)),
  ]);
  const scale = 4;
  const [width, height] = [(rows[0]?.length ?? 0) * scale, rows.length * scale];
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const light = rows[Math.floor(y / scale)]?.[Math.floor(x / scale)] ?? false;
      data.fill(light ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return { width, height, data };
}

describe('an invitation as a QR code', () => {
  const invitation = `portalgun:${'a1'.repeat(32)}?network=portalgun&address=${encodeURIComponent('/ip4/192.0.2.7/tcp/40001/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X')}`;

  it('fits a terminal, and reads as what was written', () => {
    const lines = qrLines(invitation);
    assert.ok(lines.every((line) => line.length <= 80));
    assert.equal(decodeQR(pictureOf(lines)), invitation);
  });
});
