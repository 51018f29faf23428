import assert from 'node:assert/strict';
import { FailedError } from '../../../src/errors.ts';
import type { SeenPlace } from '../../../src/recipe/types.ts';
import { clickOn, drag, moveTo } from '../../../src/workshop/input/pointer.ts';
import type { Machine } from '../../../src/workshop/machine/types.ts';
import { screenOf } from '../screen/painted.ts';
import { simulatedTerminal } from './simulated-terminal.ts';

const WIDTH = 320;
const HEIGHT = 80;

/** A screen of 40 x 5 cells of 8 x 16 pixels; what its pointer did, in pixels. Lines appear after `drawnAfter` frames. */
function desktop(lines: readonly string[], { drawnAfter = 0, readyAfter = 0, highlighted = -1 } = {}) {
  const did: string[] = [];
  let frames = 0;
  let asked = 0;
  const terminal = simulatedTerminal();
  const machine: Machine = {
    ...terminal.machine,
    frame: async () => {
      frames++;
      return { ...(await terminal.machine.frame()), width: WIDTH, height: HEIGHT };
    },
    pointerReady: () => Promise.resolve(asked++ >= readyAfter),
    sendPointer: (events) => {
      for (const event of events) {
        // As a guest does it: the tablet's range spread over the screen.
        if ('x' in event)
          did.push(`${Math.floor((event.x * WIDTH) / 0x8000)},${Math.floor((event.y * HEIGHT) / 0x8000)}`);
        else did.push(`${event.down ? '+' : '-'}${event.button}`);
      }
      return Promise.resolve();
    },
  };
  const shown = Array.from({ length: 5 }, (_, row) => lines[row] ?? '');
  const read = () =>
    screenOf(frames > drawnAfter ? shown : shown.map(() => ''), {
      columns: 40,
      highlighted: (row) => row === highlighted,
    });
  return { bench: { machine, eyes: { read, learn: () => undefined }, hostFactor: 0.1 }, did };
}

const fails = (code: string) => (error: unknown) => error instanceof FailedError && error.code === code;
const BUTTONS = ['', '   [ Back ]     [ Next ]', '', ' Next is what follows'];

describe('pointing', () => {
  it('hits every pixel that it is told, however wide the screen', async () => {
    const { bench, did } = desktop([]);
    const pixels = Array.from({ length: WIDTH }, (_, x) => [x, x % HEIGHT] as const);
    for (const at of pixels) await moveTo(bench, { at });
    assert.deepEqual(
      did,
      pixels.map((at) => at.join(',')),
    );
  });

  it('clicks on the middle of a text', async () => {
    const { bench, did } = desktop(BUTTONS);
    await clickOn(bench, { text: 'Back' });
    assert.deepEqual(did, [`${(5 + 2) * 8},${16 + 8}`, '+left', '-left']);
  });

  it('clicks twice, with another button, beside the text, as it is told', async () => {
    const { bench, did } = desktop(BUTTONS);
    await clickOn(bench, { text: 'Back', offset: [-10, 5] }, { button: 'right', times: 2 });
    assert.deepEqual(did, ['46,29', '+right', '-right', '+right', '-right']);
  });

  it('waits for a text that is still being drawn', async () => {
    const { bench, did } = desktop(BUTTONS, { drawnAfter: 3 });
    await clickOn(bench, { text: 'Back' });
    assert.equal(did.length, 3);
  });

  it('presses nothing where a text is there twice, and takes one that an area, a line or its colour singles out', async () => {
    const { bench, did } = desktop(BUTTONS, { highlighted: 3 });
    await assert.rejects(clickOn(bench, { text: 'Next' }), fails('input/ambiguous'));
    assert.deepEqual(did, []);
    const narrower: SeenPlace[] = [
      { text: { string: 'Next', area: [0, 0, 40, 2] } },
      { text: { string: 'Next', line: 3 } },
      { text: { string: 'Next', style: 'inverse' } },
    ];
    for (const place of narrower) await moveTo(bench, place);
    assert.deepEqual(did, ['160,24', '24,56', '24,56']);
  });

  const nowhere: readonly (readonly [string, SeenPlace, string])[] = [
    ['a text that is not there', { text: 'Finish' }, 'input/not-on-screen'],
    ['a point beside the screen', { at: [WIDTH, 1] }, 'input/outside-screen'],
    ['a point above it', { at: [1, -1] }, 'input/outside-screen'],
    ['a text whose offset leads out of it', { text: 'Back', offset: [0, 100] }, 'input/outside-screen'],
  ];
  for (const [what, place, code] of nowhere) {
    it(`presses nothing on ${what}`, async () => {
      const { bench, did } = desktop(BUTTONS);
      await assert.rejects(clickOn(bench, place), fails(code));
      await assert.rejects(drag(bench, { at: [1, 1] }, place), fails(code));
      assert.deepEqual(did, []);
    });
  }

  it('drags from one place to the other through places in between, and lets go', async () => {
    const { bench, did } = desktop(BUTTONS);
    await drag(bench, { text: 'Back' }, { at: [136, 64] });
    assert.deepEqual(did.slice(0, 2), ['56,24', '+left']);
    assert.deepEqual(did.slice(-2), ['136,64', '-left']);
    assert.deepEqual(did.slice(2, 5), ['66,29', '76,34', '86,39']);
  });

  it('waits until the guest reads its pointer, and says so where it never does', async () => {
    const slow = desktop(BUTTONS, { readyAfter: 4 });
    await clickOn(slow.bench, { text: 'Back' });
    assert.equal(slow.did.length, 3);
    const deaf = desktop(BUTTONS, { readyAfter: Number.POSITIVE_INFINITY });
    await assert.rejects(clickOn({ ...deaf.bench, hostFactor: 0.001 }, { text: 'Back' }), fails('input/no-pointer'));
    assert.deepEqual(deaf.did, []);
  });
});
