/** A real guest that does not read its keyboard for a while: no key is lost, whoever sends them and however fast. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chordOf, KEY_NAMES } from '../../../src/recipe/keys.ts';
import { keyEvents } from '../../../src/workshop/input/keyboard.ts';
import { createTypist } from '../../../src/workshop/input/typist.ts';
import { keyboardBytes } from '../../../src/workshop/machine/key-queue.ts';
import { startMachine } from '../../../src/workshop/machine/qemu.ts';
import type { Machine } from '../../../src/workshop/machine/types.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';
import { eventually, needQemu, smallMachine } from './guests.ts';

/** The bytes of late-reader.S. */
const LATE_READER =
  'fab021e82c00bafd03eca80174f8baf803ec3c72750fb060e664b004e660b072e80f00ebe1e464a80174fae460e80200ebf388c3bafd03eca82074fb88d8baf803eec3';

/** What a keyboard says (scan code set 1, which the controller translates to) when each of these is pressed and let go. */
const CODES: Readonly<Record<string, number>> = { p: 0x19, o: 0x18, r: 0x13, t: 0x14, a: 0x1e, l: 0x26, enter: 0x1c };
const pressed = (keys: readonly string[]): number[] =>
  keys.flatMap((key) => [CODES[key] ?? 0, (CODES[key] ?? 0) | 0x80]);
const TAPPED_SHIFT = [0x2a, 0xaa];

/** F12, pressed and let go, in the keyboard's own codes (set 2). */
const F12 = Buffer.from('07f007', 'hex');

/** What is 17 bytes in the same: ctrl, alt, shift, super and F1 down, and up again from behind. */
const FIVE_KEYS = '14 11 12 e0 1f 05 f0 05 e0 f0 1f f0 12 f0 11 f0 14';

describe('a guest that reads its keyboard late', function () {
  this.timeout(600_000);
  let folder: string;
  let machine: Machine;

  before(function () {
    needQemu(this);
  });
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'portalgun-late-'));
    const disk = path.join(folder, 'late.raw');
    const image = Buffer.alloc(1024 * 1024);
    Buffer.from(LATE_READER, 'hex').copy(image);
    image.writeUInt16LE(0xaa55, 510);
    await writeFile(disk, image);
    machine = await startMachine({
      config: smallMachine([{ id: 'disk', path: disk, format: 'raw', bus: 'virtio' }]),
      runtimeDir: path.join(folder, 'vm'),
      accelerator: 'tcg',
    });
    await eventually('the guest is there', () => machine.serialOutput().length > 0);
  });
  afterEach(async () => {
    await machine?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const typist = () => createTypist({ machine, eyes: createEyes() });

  /** What the guest has read, once it is as many bytes and one more key comes behind them. */
  async function read(expected: number): Promise<number[]> {
    await eventually('the guest has read all', () => machine.serialOutput().length >= 1 + expected);
    return [...machine.serialOutput().subarray(1)];
  }

  /** Goes on once nothing moves any more without the guest, and then wakes it. */
  async function whileAsleep(sending: Promise<unknown>): Promise<void> {
    let done = false;
    void sending.then(() => (done = true));
    for (let looks = 0; looks < 5; looks += 1) await machine.frame();
    assert.equal(done, false, 'more was sent than the queue holds');
    await machine.writeSerial(Buffer.from('x'));
    await sending;
  }

  it('gets every key of a long list of them, in order', async () => {
    const keys = Array.from({ length: 6 }, () => ['p', 'o', 'r', 't', 'a', 'l', 'enter']).flat();
    const hands = typist();
    await whileAsleep(
      (async () => {
        for (const key of keys) await hands.press(key);
      })(),
    );
    assert.deepEqual(await read(2 * keys.length), pressed(keys));
  });

  it('gets fields without echo in quick succession, whole', async () => {
    const hands = typist();
    const field = ['p', 'o', 'r', 't', 'a', 'l'];
    await whileAsleep(
      (async () => {
        for (let count = 0; count < 3; count += 1) {
          await hands.type(field.join(''), { echo: false });
          await hands.press('enter');
        }
      })(),
    );
    const letters = Array.from({ length: 3 }, () => pressed([...field, 'enter'])).flat();
    await eventually('the last Enter was read', () => machine.serialOutput().at(-1) === 0x9c);
    // Around each field all modifiers are let go of: only their keys stand between the letters.
    const seen = [...machine.serialOutput().subarray(1)].filter((byte) => pressed(Object.keys(CODES)).includes(byte));
    assert.deepEqual(seen, letters);
    assert.deepEqual([...machine.serialOutput().subarray(1, 3)], TAPPED_SHIFT);
  });

  describe('and wants the keyboard’s own codes', () => {
    beforeEach(async () => {
      await machine.writeSerial(Buffer.from('r'));
      await eventually('nothing is translated', () => machine.serialOutput().length === 2);
    });

    /** Codes since `from`, up to the F12 that was pressed last. */
    async function codes(from: number): Promise<Buffer> {
      await typist().press('f12');
      const since = () => Buffer.from(machine.serialOutput().subarray(from));
      await eventually('the guest has read all', () => since().subarray(-F12.length).equals(F12));
      return since().subarray(0, -F12.length);
    }

    it('gets the last release of a chord that is more than its queue holds', async () => {
      await whileAsleep(typist().press('ctrl-alt-shift-super-f1'));
      assert.equal((await codes(2)).toString('hex'), FIVE_KEYS.replaceAll(' ', ''));
    });

    it('gets as many bytes of each key as are counted, and no more with Alt or AltGr held', async () => {
      await machine.writeSerial(Buffer.from('x'));
      for (const held of ['', 'altgr-', 'alt-']) {
        for (const key of KEY_NAMES.filter((name) => chordOf(name, 'us')?.key !== 'f12')) {
          const from = machine.serialOutput().length;
          const events = keyEvents(`${held}${key}`);
          await machine.sendKeys(events);
          const read = (await codes(from)).length;
          const counted = keyboardBytes(events);
          assert.ok(read <= counted, `${held}${key}: ${read} bytes, counted as ${counted}`);
          if (held === '' && key !== 'print') assert.equal(read, counted, key);
        }
      }
    });
  });
});
