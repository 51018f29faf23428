import assert from 'node:assert/strict';
import { changingDrives, driveOf, insertedAfter } from '../../src/recipe/removable.ts';
import type { Act, Recipe, Step } from '../../src/recipe/types.ts';

const step = (...acts: Act[]): Step => ({ id: 'a', do: acts });

function recipe(media: Recipe['media'], ...steps: Step[]): Recipe {
  return { recipe: 1, name: 'discs', version: '1.0.0', ...(media && { media }), steps };
}

const ISO = { package: 'installer', path: 'a.iso' };
const SECOND = { package: 'installer', path: 'b.iso', drive: 'cd' } as const;
const DRIVERS = { file: 'drivers.img', sha256: '0'.repeat(64), drive: 'floppy' } as const;

describe('media that are changed', () => {
  it('make a drive of the machine one whose medium changes, and leave a disc alone that nobody touches', () => {
    assert.deepEqual(changingDrives(recipe({ iso: ISO }, step())), []);
    assert.deepEqual(changingDrives(recipe({ iso: ISO }, step({ eject: 'cd' }))), ['cd']);
    assert.deepEqual(changingDrives(recipe({ iso: ISO, drivers: DRIVERS }, step())), ['floppy']);
    assert.deepEqual(changingDrives(recipe(undefined, step())), []);
  });

  it('go into the drive that they name, the boot disc into the one that it came from', () => {
    const own = recipe({ iso: ISO, second: SECOND, disk: { layout: 'usb-fat' } });
    assert.deepEqual(
      ['iso', 'second', 'disk', 'toString'].map((name) => driveOf(own, name)),
      ['cd', 'cd', undefined, undefined],
    );
  });

  it('are where the steps up to a moment have put them', () => {
    const steps = [
      step(),
      step({ insert: 'second' }),
      step({ insert: 'drivers' }),
      step({ eject: 'cd' }),
      step({ insert: 'iso' }),
    ];
    const own = recipe({ iso: ISO, second: SECOND, drivers: DRIVERS }, ...steps);
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((count) => insertedAfter(own, steps.slice(0, count))),
      [
        { cd: 'iso', floppy: null },
        { cd: 'iso', floppy: null },
        { cd: 'second', floppy: null },
        { cd: 'second', floppy: 'drivers' },
        { cd: null, floppy: 'drivers' },
        { cd: 'iso', floppy: 'drivers' },
      ],
    );
  });
});
