/** A model of the keyboard's queue and of a guest that reads it, with faults: what is said to be typed has arrived. */
import assert from 'node:assert/strict';
import { keyEvents, textEvents } from '../../../src/workshop/input/keyboard.ts';
import { createPace, slowDown } from '../../../src/workshop/input/pace.ts';
import { typeText } from '../../../src/workshop/input/typing.ts';
import { ps2Guest } from './ps2-guest.ts';
import { soakTyping, type Soak } from './soak-typing.ts';

/** `npm run test:vm` types a million. */
const CHARACTERS = 50_000;

function assertExact({ wrong, givenUp }: Soak): void {
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    givenUp.map(({ typed, error }) => [typed, String(error)]),
    [],
  );
}

describe('the model of a keyboard', () => {
  it('loses what its queue cannot hold, and leaves Shift pressed, as the real one does', async () => {
    const guest = ps2Guest();
    const text = 'Aa'.repeat(250);
    for (const part of [text.slice(0, 250), text.slice(250)]) await guest.machine.sendKeys(textEvents(part));
    assert.ok(guest.text().length < 20, guest.text());
    assert.ok(guest.overflowed() > 500);
  });

  it('takes all of it where nobody hurries, and shows it a little later', async () => {
    const guest = ps2Guest({ echoMs: 20 });
    for (const char of 'Hello') {
      await guest.machine.sendKeys(textEvents(char));
      await guest.clock.sleep(10);
    }
    assert.ok(!guest.eyes.read(await guest.machine.frame()).lines[0]?.includes('Hello'));
    assert.equal(guest.text(), 'Hello');
    assert.ok(guest.eyes.read(await guest.machine.frame()).lines[0]?.includes('~ # Hello '));
  });
});

describe('typing over a bad keyboard', function () {
  this.timeout(300_000);

  it('loses nothing, and repeats nothing, where the keyboard is a good one', async () => {
    const soak = await soakTyping(20_000, {});
    assertExact(soak);
    assert.deepEqual([soak.retyped, soak.overflowedBytes], [0, 0]);
  });

  it(`types ${CHARACTERS} characters exactly where a tenth of all key events is lost`, async () => {
    const soak = await soakTyping(CHARACTERS, { drop: 0.1, seed: 1 });
    assertExact(soak);
    assert.ok(soak.injected.lost > CHARACTERS / 10 && soak.retyped > 0);
  });

  it('types exactly where a tenth is lost, a tenth comes twice, and a tenth finds the guest busy', async () => {
    const soak = await soakTyping(10_000, { drop: 0.1, double: 0.1, delay: 0.1, seed: 2 });
    assertExact(soak);
    assert.ok(soak.injected.lost > 0 && soak.injected.doubled > 0 && soak.injected.busy > 0);
  });

  for (const layout of ['de', 'fr'] as const) {
    it(`types exactly on ${layout}, AltGr and all`, async () => {
      assertExact(await soakTyping(5_000, { layout, drop: 0.05, double: 0.05, delay: 0.05, seed: 3 }));
    });
  }

  it('leaves room in the queue for the Enter that follows, though the guest reads nothing from the last echo on', async () => {
    for (const [layout, text] of [
      ['us', 'Ends with Shift!'],
      ['us', 'plain'],
      ['us', '"#$%'],
      ['de', 'Klammeraffe@'],
      ['de', 'ü|'],
    ] as const) {
      for (const byteMs of [0.5, 1, 2]) {
        const guest = ps2Guest({ byteMs, layout, sleepsAfter: text.length });
        const { machine, eyes, clock } = guest;
        await typeText({ machine, eyes, clock, text, layout });
        const before = guest.overflowed();
        await machine.sendKeys(keyEvents('enter'));
        assert.equal(guest.overflowed(), before, `${text}, ${byteMs} ms a byte`);
        guest.newLine();
      }
    }
  });

  it('keeps count of blanks at the end of the last row, where one that was lost keeps the screen from scrolling', async () => {
    const guest = ps2Guest({ drop: 0.1, seed: 6, rows: 6 });
    const { machine, eyes, clock } = guest;
    const pace = createPace();
    slowDown(pace);
    for (let count = 0; count < 60; count++) {
      // With the prompt, the blanks stand in the last three columns; Shift makes them a chunk of their own.
      const text = `${String(count).padStart(73, 'abcdefghijklmnopqrstuvw-')}   "goes on`;
      await typeText({ machine, eyes, clock, pace, text });
      assert.equal(guest.text(), text);
      guest.newLine();
    }
  });

  for (const promptMs of [5, 300, 700, 1_500, 3_000]) {
    it(`types exactly where the prompt comes only ${promptMs} ms after the first keys`, async () => {
      const guest = ps2Guest({ promptMs });
      const { machine, eyes, clock } = guest;
      const text = 'stty -F /dev/ttyS0 raw; cat /typed > /dev/ttyS0';
      await typeText({ machine, eyes, clock, text });
      assert.equal(guest.text(), text);
    });
  }

  for (const asleepMs of [100, 450, 620, 1_000, 1_400, 2_000, 3_000]) {
    it(`types exactly where the guest reads nothing for the first ${asleepMs} ms, and more than its queue holds was sent`, async () => {
      for (const text of ['qd.=n0=C', 'Quit', '"quoted"', '  two blanks first']) {
        const guest = ps2Guest({ asleepMs });
        const { machine, eyes, clock } = guest;
        await typeText({ machine, eyes, clock, text });
        assert.equal(guest.text(), text);
      }
    });
  }

  it('leaves no modifier pressed behind a field, and the keyboard plugged in, on a guest that is busy now and then', async () => {
    const guest = ps2Guest({ delay: 0.2, busyMs: 200, seed: 5 });
    const { machine, eyes, clock } = guest;
    const pace = createPace();
    let held = 0;
    for (let count = 0; count < 200; count++) {
      await typeText({ machine, eyes, clock, pace, text: `Word-${count}!` });
      guest.newLine();
      held += guest.held().length;
    }
    assert.ok(guest.injected.busy > 500);
    assert.deepEqual([held, guest.setUps()], [0, 0]);
  });

  it('lets go of a Shift that is stuck', async () => {
    const guest = ps2Guest();
    const { machine, eyes, clock } = guest;
    await machine.sendKeys([{ key: 'shift', down: true }]);
    await typeText({ machine, eyes, clock, text: 'quiet' });
    assert.deepEqual([guest.text(), guest.held(), guest.setUps()], ['quiet', [], 0]);
  });
});

describe('a guest that takes the release of a Shift for a new keyboard', () => {
  it('loses what is in the queue behind it', async () => {
    const guest = ps2Guest();
    await guest.machine.sendKeys([{ key: 'shift', down: false }, ...textEvents('lost')]);
    assert.deepEqual([guest.text(), guest.setUps()], ['', 1]);
  });
});
