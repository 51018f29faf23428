import assert from 'node:assert/strict';
import { FailedError } from '../../../src/errors.ts';
import { chooseFromMenu } from '../../../src/workshop/input/index.ts';
import type { KeyEvent } from '../../../src/workshop/machine/types.ts';
import { screenOf } from '../screen/painted.ts';
import { simulatedTerminal } from './simulated-terminal.ts';

interface SlowMenu {
  readonly entries: readonly string[];
  /** Which entry is highlighted at first. */
  readonly at: number;
  /** Frames before the list has a highlight. Keys that are pressed until then are acted upon afterwards. */
  readonly drawnAfter?: number;
  /** Frames between a key and what it does. */
  readonly lag?: number;
}

/** A guest so slow that its title is there long before its list. `chosen` is what Enter was pressed on. */
function slowMenu({ entries, at, drawnAfter = 0, lag = 0 }: SlowMenu) {
  let frames = 0;
  let index = at;
  let chosen: string | undefined;
  const queue: { readonly event: KeyEvent; readonly frame: number }[] = [];
  const act = ({ key, down }: KeyEvent): void => {
    if (!down) return;
    if (key === 'down') index = Math.min(index + 1, entries.length - 1);
    if (key === 'up') index = Math.max(index - 1, 0);
    if (key === 'ret') chosen ??= entries[index];
  };
  const terminal = simulatedTerminal();
  return {
    machine: {
      ...terminal.machine,
      frame: () => {
        frames += 1;
        while (queue[0] && queue[0].frame <= frames) act(queue.shift()!.event);
        return terminal.machine.frame();
      },
      sendKeys: (events: readonly KeyEvent[]) => {
        for (const event of events) queue.push({ event, frame: Math.max(frames, drawnAfter) + lag });
        return Promise.resolve();
      },
    },
    eyes: {
      learn: () => undefined,
      read: () =>
        screenOf(['Select a language', ...entries.map((entry) => `  ${entry}  `)], {
          columns: 40,
          highlighted: (row) => frames > drawnAfter && row === index + 1,
        }),
    },
    async chosen(): Promise<string | undefined> {
      for (let more = 0; more <= lag; more += 1) await this.machine.frame();
      return chosen;
    },
  };
}

const LANGUAGES = ['Albanian', 'Dutch', 'English', 'Esperanto', 'Estonian'];

describe('choosing on a slow guest', () => {
  it('presses no key before the list has its highlight', async () => {
    const menu = slowMenu({ entries: LANGUAGES, at: 2, drawnAfter: 20, lag: 10 });
    await chooseFromMenu({ ...menu, entry: 'English' });
    assert.equal(await menu.chosen(), 'English');
  });

  for (const entry of LANGUAGES) {
    it(`chooses ${entry} where each key takes effect long after it was pressed`, async () => {
      const menu = slowMenu({ entries: LANGUAGES, at: 2, lag: 8 });
      await chooseFromMenu({ ...menu, entry });
      assert.equal(await menu.chosen(), entry);
    });
  }

  it('still says so where nothing is highlighted at all', async () => {
    const menu = slowMenu({ entries: LANGUAGES, at: 2, drawnAfter: Number.POSITIVE_INFINITY });
    await assert.rejects(
      chooseFromMenu({ ...menu, entry: 'English' }),
      (error) => error instanceof FailedError && error.code === 'input/no-menu',
    );
  });
});
