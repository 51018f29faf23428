/**
 * Fonts in files: the installer's BGF, Linux's kernels (packed or not), VGA BIOSes. What is packed with xz is unpacked by
 * the program of that name: Node has no such decoder.
 */
import { spawn } from 'node:child_process';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { UnavailableError, UsageError } from '../../errors.ts';
import { parseBgf } from './bgf.ts';
import { kernelFont } from './kernel-font.ts';
import { UNPACKED_KERNEL_BYTES } from './limits.ts';
import type { Font } from './types.ts';

const BGF = Buffer.from('BGF1');
/** Linux's boot protocol (Documentation/arch/x86/boot.rst), since 2.08: where in a vmlinuz its packed kernel lies. */
const BOOT_MAGIC_AT = 0x202;
const SETUP_SECTORS_AT = 0x1f1;
const PAYLOAD_OFFSET_AT = 0x248;
const PAYLOAD_LENGTH_AT = 0x24c;

/** Throws `screen/no-font-in-file`, `screen/bad-font`, or `screen/no-xz` where that program is missing. */
export async function fontInFile(bytes: Uint8Array, name: string): Promise<Font> {
  if (BGF.equals(bytes.subarray(0, BGF.length))) return parseBgf(bytes, name);
  const font = kernelFont(bytes, name) ?? kernelFont(await unpackedKernel(bytes), name);
  if (font) return font;
  throw new UsageError('screen/no-font-in-file', `there is no font that we know in ${name}`, {
    hint: 'Known are BGF files (unifont.bgf of Debian’s installer), Linux kernels for PCs, and VGA BIOSes.',
  });
}

/** What a vmlinuz holds; nothing of any other file. */
export async function unpackedKernel(bytes: Uint8Array): Promise<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 0x300 || buffer.toString('latin1', BOOT_MAGIC_AT, BOOT_MAGIC_AT + 4) !== 'HdrS')
    return new Uint8Array();
  const start = ((buffer[SETUP_SECTORS_AT] || 4) + 1) * 512 + buffer.readUInt32LE(PAYLOAD_OFFSET_AT);
  const packed = buffer.subarray(start, start + buffer.readUInt32LE(PAYLOAD_LENGTH_AT));
  // Others speak the boot protocol too (iPXE, memtest86+), of a version before there was a payload.
  if (packed.length < 6) return new Uint8Array();
  const limit = { maxOutputLength: UNPACKED_KERNEL_BYTES };
  if (packed.readUInt16BE(0) === 0x1f8b) return gunzipSync(packed.subarray(0, -4), limit);
  if (packed.readUInt32BE(0) === 0x28b52ffd) return zstdDecompressSync(packed.subarray(0, -4), limit);
  if (packed.toString('latin1', 1, 5) === '7zXZ') return unxz(packed);
  return new Uint8Array();
}

/** Bounded: what comes out beyond the limit is not waited for. */
function unxz(packed: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn('xz', ['--decompress', '--stdout', '--single-stream'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const pieces: Buffer[] = [];
    let size = 0;
    child.once('error', (cause) =>
      reject(
        new UnavailableError('screen/no-xz', 'a kernel is packed with xz, and the program xz is missing', {
          hint: 'apt-get install xz-utils',
          cause,
        }),
      ),
    );
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size <= UNPACKED_KERNEL_BYTES) pieces.push(piece);
      else child.kill();
    });
    child.once('close', () => resolve(Buffer.concat(pieces)));
    // The kernel's own size stands behind the stream: xz may close its end before all is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(packed);
  });
}
