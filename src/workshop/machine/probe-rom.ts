/** The bytes of probe-rom.S, which says what they do and how they were made. A test assembles it and compares. */

const ROM_BYTES = 65_536;
/** First instruction of an x86 processor, 16 bytes below the end. */
const RESET_VECTOR = 0xfff0;

const CODE = [
  'fafcb052e6e931c08ed08ec0bc0070bf0010b90020f3ab2666c7060010032000002666c7060020033000002666c706182003',
  '4000002666c706f84f8300e0ffbf003066b883000000b900022666890566050000200083c708e2f12e660f011648010f20e0',
  '660d200600000f22e066b8001000000f22d866b9800000c00f32660d000100000f300f20c06683e0fb660d030000800f22c0',
  '66ea9e00ffff0800b8100000008ed88ec08ed0bc00700000b04ce6e9b9002d310148010c2500800000ffc975f4b057e6e9be',
  'c800000031c00fa2ffce75f8b043e6e9b9e8030000e480ffc975fab050e6e9b9000100000f20d80f22d8488b1c2500002000',
  'ffc975ee660fefc0f30f7f042500800000bf00004000b90010000048893f4881c700100000ffc975f2b053e6e9b010e6f4f4',
  'ebfd66900000000000000000ffff0000009aaf00ffff00000092cf0017003001ffff',
].join('');
const JUMP_TO_START = 'e90d00';

/** What the probe writes to the debug console when every stage has passed. */
export const PROBE_LETTERS = 'RLWCPS';

/** QEMU's exit status after the probe wrote 0x10 to isa-debug-exit: twice that, plus one. */
export const PROBE_EXIT = 33;

export function probeRom(): Uint8Array {
  const rom = new Uint8Array(ROM_BYTES);
  rom.set(Buffer.from(CODE, 'hex'), 0);
  rom.set(Buffer.from(JUMP_TO_START, 'hex'), RESET_VECTOR);
  return rom;
}
