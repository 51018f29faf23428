/**
 * Discs that a recipe takes out and puts in, on a real machine. GRUB reads floppies; a CD that was changed behind its back it
 * cannot read, for its BIOS gives up at the drive's "unit attention".
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Act, Recipe, Step } from '../../../src/recipe/types.ts';
import type { MachineConfig } from '../../../src/workshop/machine/index.ts';
import { fatImage, type FatFile } from '../../../src/workshop/media/fat.ts';
import type { BuildEvent } from '../../../src/workshop/provision/index.ts';
import { grubIso, smallMachine } from '../machine/guests.ts';
import { finish, recipeOf, runReally } from './real-run.ts';

const FLOPPY_BYTES = 1440 * 1024;
const FAT = { label: 'SECOND', volumeId: 1, epochSeconds: 1_750_000_000 };
const file = (path: string): FatFile => ({ path, sizeBytes: 1, content: () => [Buffer.from('x')] });

/** GRUB believes for two seconds what it has read before: it is asked again. */
const lists = (id: string, act: Act | undefined, folder: string, text: string): Step => ({
  id,
  do: [...(act ? [act] : []), { type: `ls (fd0)${folder}` }, { key: 'enter' }],
  repeat: { until: { text, timeout: '1s' }, at_most: 12 },
  checkpoint: true,
});
const STEPS: readonly Step[] = [
  { id: 'shell', when: { text: 'GNU GRUB' }, do: [{ key: 'c' }], expect: { text: 'grub>' } },
  { id: 'module', do: [{ type: 'insmod fat; echo loaded-$?' }, { key: 'enter' }], expect: { text: 'loaded-0' } },
  lists('first', { insert: 'first' }, '/', 'first.txt'),
  lists('second', { insert: 'second' }, '/', 'second.txt'),
  lists('gone', { eject: 'floppy' }, '/', 'failure reading sector'),
  lists('back', { insert: 'first' }, '/folder/', 'first-inside.txt'),
];

describe('discs that are changed', function () {
  this.timeout(600_000);
  let iso: string;
  let discs: Readonly<Record<'first' | 'second', string>>;
  let folder: string;

  before(async function () {
    iso = await grubIso(this);
    folder = await mkdtemp(join(tmpdir(), 'portalgun-drives-'));
    discs = { first: join(folder, 'first.img'), second: join(folder, 'second.img') };
    for (const [name, path] of Object.entries(discs)) {
      await writeFile(path, fatImage([file(`${name}.txt`), file(`folder/${name}-inside.txt`)], FAT));
      // All of it that there is lies at the beginning.
      await truncate(path, FLOPPY_BYTES);
    }
  });
  after(() => folder && rm(folder, { recursive: true, force: true }));

  async function build(steps: readonly Step[]): Promise<{ resumedFrom: string | null; media: unknown[] }> {
    const events: BuildEvent[] = [];
    const media: Recipe['media'] = {
      first: { file: 'a.img', sha256: '0'.repeat(64), drive: 'floppy' },
      second: { file: 'b.img', sha256: '1'.repeat(64), drive: 'floppy' },
    };
    const config: MachineConfig = {
      ...smallMachine([{ id: 'iso', path: iso, format: 'raw', bus: 'cdrom', readOnly: true }]),
      drives: [{ drive: 'floppy', medium: null }],
      shelf: discs,
    };
    const resolved = recipeOf(steps, { media });
    const result = await runReally({ resolved, config, folder, emit: (event) => events.push(event) });
    await finish(result);
    const seen = events.flatMap((event) => (event.event === 'medium' ? [event.medium] : []));
    return { resumedFrom: result.resumedFrom, media: [...new Set(seen)] };
  }

  it('are in the drive, out of it, and in it again, as the steps say', async () => {
    assert.deepEqual(await build(STEPS), { resumedFrom: null, media: ['first', 'second', null] });
  });

  it('are where they were on a machine that is restored: one, none, the other one', async () => {
    const further = (after: string, step: Step) =>
      build([...STEPS.slice(0, STEPS.findIndex(({ id }) => id === after) + 1), step]);
    const inside = (text: string): Step => lists('further', undefined, '/folder/', text);
    assert.deepEqual(await further('second', inside('second-inside.txt')), { resumedFrom: 'second', media: [] });
    const again = lists('further', { insert: 'second' }, '/folder/', 'second-inside.txt');
    assert.deepEqual(await further('gone', again), { resumedFrom: 'gone', media: ['second'] });
    assert.deepEqual(await further('back', inside('first-inside.txt')), { resumedFrom: 'back', media: [] });
  });
});
