/** The probable cause of a difference, from both contents. */
import assert from 'node:assert/strict';
import { probableCause, type Cause, type Circumstances } from '../../src/crosscheck/index.ts';

const HOUR = 3600 * 1000;
const MONDAY = Date.parse('2026-03-02T09:15:00Z');
const FRIDAY = Date.parse('2026-03-06T22:40:00Z');
const A: Circumstances = { clockMs: MONDAY, tookMs: HOUR, host: { 'the name': 'workshop', cpus: '2' } };
const B: Circumstances = { clockMs: FRIDAY, tookMs: HOUR, host: { 'the name': 'laptop', cpus: '8' } };

function cause(a: string | Buffer, b: string | Buffer): Cause | undefined {
  const bytes = (content: string | Buffer): Buffer => Buffer.from(content as string);
  return probableCause({ content: bytes(a), build: A }, { content: bytes(b), build: B });
}

const seconds = (timeMs: number): number => Math.floor(timeMs / 1000);

describe('the probable cause of a difference', () => {
  it('is time, where the text is one of when each was built', () => {
    for (const [a, b] of [
      ['built at 09:15:02\n', 'built at 22:41:00\n'],
      [`at=${seconds(MONDAY)}`, `at=${seconds(FRIDAY)}`],
      ['2026-03-02 install base-files\nend\n', '2026-03-06 install base-files\nend\n'],
      ['stamp 20260302', 'stamp 20260306'],
    ] as const) {
      assert.equal(cause(a, b)?.kind, 'time', a);
    }
    assert.match(cause('built at 09:15:02\n', 'built at 22:41:00\n')?.evidence ?? '', /"09:15:02" and "22:41:00"/);
  });

  it('is not time, where the number is one of neither build', () => {
    assert.equal(cause('size 1000000000', 'size 1000000001'), undefined);
    assert.equal(cause('since 1999-01-01', 'since 1999-01-02'), undefined);
  });

  it('is time in binary files, in either order of bytes', () => {
    for (const write of ['writeUInt32LE', 'writeUInt32BE'] as const) {
      const file = (timeMs: number): Buffer => {
        const bytes = Buffer.alloc(64, 7);
        bytes[0] = 0;
        bytes[write](seconds(timeMs), 20);
        return bytes;
      };
      const found = cause(file(MONDAY + 60_000), file(FRIDAY + 60_000));
      assert.equal(found?.kind, 'time');
      assert.match(found.evidence, /2026-03-02T09:16:00/);
    }
  });

  it('is told by text in the middle of a program too', () => {
    const program = (text: string): Buffer => Buffer.concat([Buffer.alloc(40, 1), Buffer.from(`\0built ${text}\0`)]);
    assert.equal(cause(program('09:15:02'), program('22:41:07'))?.kind, 'time');
    assert.equal(cause(program('with 1.2.3'), program('with 1.2.4'))?.kind, 'version');
    assert.equal(cause(program('in peace'), program('in haste')), undefined);
  });

  it('is randomness, where ids or bytes have nothing in common', () => {
    assert.equal(cause('5f0c9d1e77aa4b21b0c3d9e8f7a6b5c4\n', 'a1b2c3d4e5f60718293a4b5c6d7e8f90\n')?.kind, 'randomness');
    assert.equal(
      cause('UUID=706f7274-616c-4775-8e12-000000000012 /\n', 'UUID=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed /\n')?.kind,
      'randomness',
    );
    const seed = (start: number): Buffer => {
      let state = start;
      return Buffer.from(
        Array.from({ length: 64 }, () => {
          state = (state * 1103515245 + 12345) % 2 ** 31;
          return (state >> 16) & 0xff;
        }),
      );
    };
    assert.equal(
      cause(Buffer.concat([Buffer.alloc(8), seed(1)]), Buffer.concat([Buffer.alloc(8), seed(2)]))?.kind,
      'randomness',
    );
  });

  it('is order, where both hold the same', () => {
    assert.equal(cause('a\nb\nc\n', 'c\na\nb\n')?.kind, 'order');
    assert.match(cause('a\nb\nc\n', 'c\na\nb\n')?.evidence ?? '', /the same 4 lines/);
    assert.equal(cause('provides: x y z\nend', 'provides: z x y\nend')?.kind, 'order');
    assert.equal(cause(Buffer.from([0, 1, 2, 3]), Buffer.from([3, 1, 0, 2]))?.kind, 'order');
  });

  it('is the host, where each has what is its builder’s alone', () => {
    const found = cause('built on workshop by make\n', 'built on laptop by make\n');
    assert.equal(found?.kind, 'host');
    assert.match(found.evidence, /the name of the two hosts/);
    assert.equal(cause('jobs=2 all\n', 'jobs=8 all\n')?.kind, 'host');
    assert.equal(cause('at 09:15:22\n', 'at 22:18:08\n')?.kind, 'time');
  });

  it('is a version, where both are one', () => {
    assert.equal(cause('VERSION="12.4"\n', 'VERSION="12.5"\n')?.kind, 'version');
    assert.equal(cause('linux 6.1.0-50 x\n', 'linux 6.1.0-56 x\n')?.kind, 'version');
  });

  it('is what most of the places tell of, and none where fewer than half do', () => {
    const log = (day: string): string => ['one', 'two', 'three'].map((word) => `${day} ${word}\n`).join('');
    assert.match(cause(log('2026-03-02'), log('2026-03-06'))?.evidence ?? '', /3 of 3 places/);
    assert.equal(cause('2026-03-02\nx\ny\nz\n', '2026-03-06\nbird\nfish\nworm\n'), undefined);
  });

  it('is not known of what tells nothing, nor of what is the same', () => {
    assert.equal(cause('yes\n', 'no\n'), undefined);
    assert.equal(cause('yes\n', 'yes\n'), undefined);
    assert.equal(cause('', 'something new\n'), undefined);
  });

  it('quotes little, and on one line', () => {
    const evidence = cause(`at 09:15:02 ${'x'.repeat(500)}`, `at 09:16:02 ${'x'.repeat(500)}`)?.evidence ?? '';
    assert.ok(evidence.length < 300);
    assert.ok(!evidence.includes('\n'));
  });
});
