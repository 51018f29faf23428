import assert from 'node:assert/strict';
import { FailedError } from '../../../src/errors.ts';
import { tickInMenu } from '../../../src/workshop/input/menu.ts';
import type { KeyEvent } from '../../../src/workshop/machine/types.ts';
import { screenOf } from '../screen/painted.ts';
import { simulatedTerminal } from './simulated-terminal.ts';

const TASKS = [
  'Debian desktop environment',
  '... GNOME',
  '... GNOME Flashback',
  'web server',
  'SSH server',
  'SSH server (old)',
];

interface Options {
  readonly ticked?: readonly string[];
  /** Whether the bar lies over the box too, or over the text alone as in Debian's installer. */
  readonly overBox?: boolean;
  /** Space keys that the keyboard loses. */
  readonly lost?: number;
  /** Frames between a key and what it does. */
  readonly lag?: number;
  readonly boxes?: boolean;
  readonly stuck?: boolean;
}

/** tasksel's list. `height` entries are shown at a time. */
function tasksel({ ticked = [], overBox = false, lost = 0, lag = 0, boxes = true, stuck = false }: Options = {}) {
  const on = new Set(ticked);
  const height = 4;
  let at = 0;
  let first = 0;
  let frames = 0;
  let spaces = 0;
  let entered = false;
  const queue: { readonly key: string; readonly frame: number }[] = [];
  const act = (key: string): void => {
    if (key === 'down') at = Math.min(at + 1, TASKS.length - 1);
    if (key === 'up') at = Math.max(at - 1, 0);
    if (key === 'ret') entered = true;
    if (key === 'spc' && spaces++ >= lost && !stuck) {
      const task = TASKS[at]!;
      if (!on.delete(task)) on.add(task);
    }
    first = Math.min(Math.max(first, at - height + 1), at);
  };
  const terminal = simulatedTerminal();
  const machine = {
    ...terminal.machine,
    frame: () => {
      frames++;
      while (queue[0] && queue[0].frame <= frames) act(queue.shift()!.key);
      return terminal.machine.frame();
    },
    sendKeys: (events: readonly KeyEvent[]) => {
      for (const { key, down } of events) if (down) queue.push({ key, frame: frames + lag });
      return Promise.resolve();
    },
  };
  const read = () => {
    const shown = TASKS.slice(first, first + height);
    const rows = shown.map((task) => `│ ${boxes ? (on.has(task) ? '[*] ' : '[ ] ') : ''}${task}`.padEnd(44) + '│');
    const from = overBox ? 2 : 6;
    return screenOf(['Choose software to install:', ...rows, '   <Continue>'], {
      columns: 46,
      highlighted: (row, column) => row === at - first + 1 && column >= from && column < 44,
    });
  };
  const bench = { machine, eyes: { read, learn: () => undefined }, hostFactor: 0.1 };
  return {
    async tick(entry: string, wanted: boolean): Promise<readonly string[]> {
      await tickInMenu({ ...bench, entry, ticked: wanted });
      for (let more = 0; more <= lag; more++) await machine.frame();
      assert.equal(entered, false, 'ticking never chooses');
      return [...on].sort();
    },
  };
}

const fails = (code: string) => (error: unknown) => error instanceof FailedError && error.code === code;

describe('checkboxes of a list', () => {
  for (const overBox of [false, true]) {
    it(`are ticked and unticked, the bar over ${overBox ? 'the whole row' : 'the text alone'}`, async () => {
      assert.deepEqual(await tasksel({ overBox }).tick('SSH server', true), ['SSH server']);
      const some = { overBox, ticked: ['... GNOME', 'web server'] };
      assert.deepEqual(await tasksel(some).tick('... GNOME', false), ['web server']);
    });
  }

  it('are left alone where they are as wanted', async () => {
    assert.deepEqual(await tasksel({ ticked: ['SSH server'] }).tick('SSH server', true), ['SSH server']);
    assert.deepEqual(await tasksel().tick('SSH server', false), []);
  });

  it('are the ones of the whole entry, never of one that begins like it', async () => {
    assert.deepEqual(await tasksel().tick('... GNOME', true), ['... GNOME']);
    assert.deepEqual(await tasksel().tick('SSH server (old)', true), ['SSH server (old)']);
  });

  it('are ticked in the end where keys are lost, or act late', async () => {
    assert.deepEqual(await tasksel({ lost: 2 }).tick('web server', true), ['web server']);
    assert.deepEqual(await tasksel({ lag: 4 }).tick('web server', true), ['web server']);
  });

  it('fail where there is no box, or where it does not change', async () => {
    await assert.rejects(tasksel({ boxes: false, overBox: true }).tick('web server', true), fails('input/no-checkbox'));
    await assert.rejects(tasksel({ stuck: true }).tick('web server', true), fails('input/checkbox-stuck'));
  });
});
