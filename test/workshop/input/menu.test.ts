import assert from 'node:assert/strict';
import { FailedError } from '../../../src/errors.ts';
import { chooseFromMenu } from '../../../src/workshop/input/menu.ts';
import type { Machine } from '../../../src/workshop/machine/types.ts';
import type { Eyes } from '../../../src/workshop/screen/types.ts';
import { screenOf } from '../screen/painted.ts';
import { simulatedTerminal } from './simulated-terminal.ts';

interface List {
  readonly machine: Machine;
  readonly eyes: Eyes;
  chosen(): string | undefined;
}

/** A dialog with a list that shows `height` entries at a time, drawn one frame after each key. */
function list(entries: readonly string[], { at = 0, height = entries.length, lost = 0, stuck = false } = {}): List {
  let selected = at;
  let first = 0;
  let chosen: string | undefined;
  let keys = 0;
  const scroll = () => {
    first = Math.min(Math.max(first, selected - height + 1), selected);
  };
  scroll();
  const machine: Machine = {
    ...simulatedTerminal().machine,
    sendKeys: (events) => {
      for (const { key, down } of events) {
        // Every `lost`-th arrow key does nothing.
        if (!down || (lost > 0 && key !== 'ret' && ++keys % lost === 0) || stuck) continue;
        if (key === 'down') selected = Math.min(entries.length - 1, selected + 1);
        if (key === 'up') selected = Math.max(0, selected - 1);
        if (key === 'ret') chosen = entries[selected];
      }
      scroll();
      return Promise.resolve();
    },
  };
  const read = () => {
    const shown = entries.slice(first, first + height);
    const width = 60;
    const lines = ['┌'.padEnd(width - 1, '─') + '┐', '│ Choose one:'.padEnd(width - 1) + '│'];
    for (const entry of shown) lines.push(`│   ${entry}`.padEnd(width - 1) + '│');
    lines.push('└'.padEnd(width - 1, '─') + '┘', '  ');
    return screenOf(lines, {
      columns: width,
      highlighted: (row, column) =>
        shown.length > 0 && row === 2 + selected - first && column > 1 && column < width - 2,
    });
  };
  return { machine, eyes: { read, learn: () => undefined }, chosen: () => chosen };
}

const COUNTRIES = [
  'United States',
  'Norway',
  'No',
  'Northern Ireland',
  'other',
  'Ireland',
  'Iceland',
  'Spain',
  'Fiji',
  'Chad',
];

async function choose(from: List, entry: string): Promise<string | undefined> {
  await chooseFromMenu({ machine: from.machine, eyes: from.eyes, entry, hostFactor: 0.1 });
  return from.chosen();
}

function fails(code: string) {
  return (error: unknown) => error instanceof FailedError && error.code === code;
}

describe('choosing from a menu', () => {
  it('moves down to the entry and chooses it', async () => {
    assert.equal(await choose(list(COUNTRIES), 'Iceland'), 'Iceland');
  });

  it('moves up where the entry is above', async () => {
    assert.equal(await choose(list(COUNTRIES, { at: 8 }), 'Norway'), 'Norway');
  });

  it('chooses at once what is highlighted already', async () => {
    assert.equal(await choose(list(COUNTRIES, { at: 4 }), 'other'), 'other');
  });

  it('takes the whole entry, never one that only begins or ends like it', async () => {
    assert.equal(await choose(list(COUNTRIES), 'No'), 'No');
    assert.equal(await choose(list(COUNTRIES), 'Ireland'), 'Ireland');
  });

  it('finds an entry out of sight, below and above', async () => {
    assert.equal(await choose(list(COUNTRIES, { height: 3 }), 'Chad'), 'Chad');
    assert.equal(await choose(list(COUNTRIES, { at: 7, height: 3 }), 'United States'), 'United States');
  });

  it('goes on where arrow keys were lost', async () => {
    assert.equal(await choose(list(COUNTRIES, { lost: 3 }), 'Fiji'), 'Fiji');
  });

  it('knows an entry by one of its columns, and without the mark before it', async () => {
    const languages = [
      'C                -  No localization',
      'Estonian         -  Eesti',
      '[*] English          -  English',
    ];
    assert.equal(await choose(list(languages), 'English'), languages[2]);
  });

  it('says which entries there are where the wanted one is not', async () => {
    const from = list(['Yes', 'No', 'Maybe']);
    await assert.rejects(choose(from, 'Never'), (error) => {
      assert.ok(fails('input/no-such-entry')(error) && error instanceof FailedError);
      for (const entry of ['Yes', 'No', 'Maybe']) assert.match(error.message, new RegExp(`"${entry}"`));
      return true;
    });
    assert.equal(from.chosen(), undefined);
  });

  it('says that nothing is highlighted where there is no list', async () => {
    await assert.rejects(choose(list([]), 'Yes'), fails('input/no-menu'));
  });

  it('says that the highlight does not move', async () => {
    const from = list(['Yes', 'No'], { stuck: true });
    await assert.rejects(choose(from, 'No'), fails('input/menu-stuck'));
    assert.equal(from.chosen(), undefined);
  });
});
