/** Discs that a recipe takes out and puts in, on a real machine: GRUB reads what is in its CD drive. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { parseRecipe } from '../../../src/recipe/parse.ts';
import { resolveRecipe } from '../../../src/recipe/resolve.ts';
import type { Act, Step } from '../../../src/recipe/types.ts';
import { startMachine } from '../../../src/workshop/machine/index.ts';
import {
  createSenses,
  createWorkbench,
  openCheckpoints,
  runSteps,
  type BuildEvent,
} from '../../../src/workshop/provision/index.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';
import { skip } from '../../support/grub.ts';
import { grubIso, ipxeIso, whyNoQemu } from '../machine/guests.ts';

/** GRUB believes for two seconds what it has read before, and fails its first read of a new disc: it is asked again. */
const lists = (id: string, act: Act | undefined, folder: string, text: string): Step => ({
  id,
  do: [...(act ? [act] : []), { type: `ls (cd)${folder}` }, { key: 'enter' }],
  repeat: { until: { text, timeout: '3s' }, at_most: 5 },
  checkpoint: true,
});
const STEPS: readonly Step[] = [
  { id: 'shell', when: { text: 'GNU GRUB' }, do: [{ key: 'c' }], expect: { text: 'grub>' } },
  lists('first', undefined, '/', 'boot.catalog'),
  lists('other', { insert: 'other' }, '/', 'isolinux'),
  lists('again', undefined, '/', 'isolinux'),
  lists('gone', { eject: 'cd' }, '/', 'error'),
  lists('back', { insert: 'iso' }, '/boot/grub/', 'i386-pc'),
];

describe('discs that are changed', function () {
  this.timeout(240_000);
  let discs: Readonly<Record<'iso' | 'other', string>>;
  let folder: string;

  before(async function () {
    const [iso, other] = [await grubIso(), await ipxeIso()];
    const why = iso === null || other === null ? 'apt cannot fetch grub-rescue-pc and ipxe' : await whyNoQemu();
    if (why !== null) return skip(this, why);
    discs = { iso: iso!, other: other! };
    folder = await mkdtemp(join(tmpdir(), 'portalgun-drives-'));
  });
  after(() => folder && rm(folder, { recursive: true, force: true }));

  async function build(steps: readonly Step[]): Promise<{ resumedFrom: string | null; media: unknown[] }> {
    const events: BuildEvent[] = [];
    const document = {
      recipe: 1,
      name: 'discs',
      version: '1.0.0',
      media: {
        iso: { file: 'a.iso', sha256: '0'.repeat(64) },
        other: { file: 'b.iso', sha256: '1'.repeat(64), drive: 'cd' },
      },
      machine: { arch: 'x86_64', memory: '64M' },
      defaults: { timeout: '20s', retries: 0 },
      steps,
    };
    const { machine, end, resumedFrom } = await runSteps({
      resolved: resolveRecipe(parseRecipe(JSON.stringify(document)), {}),
      workbench: createWorkbench({
        start: startMachine,
        config: {
          arch: 'x86_64',
          cpus: 1,
          memoryMiB: 64,
          disks: [],
          drives: [{ drive: 'cd', medium: 'iso' }],
          shelf: discs,
        },
        media: sha256('two discs'),
        accelerator: 'tcg',
        qemuVersion: 'whichever is installed',
        runtimeDir: join(folder, 'run'),
        disksDir: join(folder, 'disks'),
      }),
      senses: createSenses(createEyes()),
      checkpoints: openCheckpoints(join(folder, 'checkpoints')),
      sources: [],
      emit: (event) => events.push(event),
      hostFactor: 1,
      signal: new AbortController().signal,
    });
    await machine.close();
    await end();
    const media = events.flatMap((event) => (event.event === 'medium' ? [event.medium] : []));
    return { resumedFrom, media: [...new Set(media)] };
  }

  it('are in the drive, out of it, and in it again, as the steps say', async () => {
    assert.deepEqual(await build(STEPS), { resumedFrom: null, media: ['other', null, 'iso'] });
  });

  it('are where they were on a machine that is restored: another disc, none, the first one', async () => {
    const further = (after: string, step: Step) =>
      build([...STEPS.slice(0, STEPS.findIndex(({ id }) => id === after) + 1), { ...step, id: 'further' }]);
    assert.deepEqual(await further('again', lists('x', undefined, '/isolinux/', 'isolinux.bin')), {
      resumedFrom: 'again',
      media: [],
    });
    assert.deepEqual(await further('gone', lists('x', { insert: 'other' }, '/', 'isolinux')), {
      resumedFrom: 'gone',
      media: ['other'],
    });
    assert.deepEqual(await further('back', lists('x', undefined, '/boot/', 'grub')), {
      resumedFrom: 'back',
      media: [],
    });
  });
});
