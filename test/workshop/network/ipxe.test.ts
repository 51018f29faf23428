/** Files that a recipe serves, fetched by a real guest: iPXE's command line, which knows DHCP and HTTP. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { parseRecipe } from '../../../src/recipe/parse.ts';
import { resolveRecipe } from '../../../src/recipe/resolve.ts';
import type { Step } from '../../../src/recipe/types.ts';
import { startMachine } from '../../../src/workshop/machine/index.ts';
import {
  createSenses,
  createWorkbench,
  openCheckpoints,
  runSteps,
  type BuildEvent,
} from '../../../src/workshop/provision/index.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';
import { ipxeKernel } from '../machine/guests.ts';

const STEPS: readonly Step[] = [
  {
    id: 'address',
    when: { text: 'iPXE>', timeout: '90s' },
    do: [
      { type: 'set net0/ip 10.0.2.15 && set net0/gateway 10.0.2.2 && ifopen net0 && echo open-${net0/ip}' },
      { key: 'enter' },
    ],
    expect: { text: 'open-10.0.2.15' },
  },
  {
    id: 'script',
    do: [
      { serve: { file: 'boot/hello.ipxe', escape: 'none', content: '#!ipxe\necho served-{{word}}\n' } },
      { type: 'chain http://10.0.2.2/boot/hello.ipxe' },
      { key: 'enter' },
    ],
    expect: { all: [{ fetched: 'boot/hello.ipxe' }, { text: 'served-portal' }] },
    checkpoint: true,
  },
  {
    id: 'beyond',
    do: [{ type: 'imgfetch http://192.0.2.7/other' }, { key: 'enter' }],
    expect: { text: 'Connection reset' },
  },
];
const AGAIN: Step = {
  id: 'again',
  do: [{ type: 'chain http://10.0.2.2/boot/hello.ipxe' }, { key: 'enter' }],
  expect: { fetched: 'boot/hello.ipxe' },
};

describe('a guest that is served files', function () {
  this.timeout(240_000);
  let kernel: string;
  let folder: string;
  let events: BuildEvent[];

  before(async function () {
    kernel = await ipxeKernel(this);
    folder = await mkdtemp(join(tmpdir(), 'portalgun-ipxe-'));
  });
  after(() => folder && rm(folder, { recursive: true, force: true }));

  async function build(steps: readonly Step[]): Promise<string | null> {
    events = [];
    const document = {
      recipe: 1,
      name: 'ipxe',
      version: '1.0.0',
      params: { word: { type: 'string', default: 'portal' } },
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
          network: { allow: [] },
          kernel: { path: kernel, args: 'shell' },
        },
        media: sha256('iPXE'),
        accelerator: 'tcg',
        qemuVersion: 'whichever is installed',
        runtimeDir: join(folder, 'run'),
        disksDir: join(folder, 'disks'),
      }),
      senses: createSenses(createEyes()),
      checkpoints: openCheckpoints(join(folder, 'checkpoints')),
      sources: [],
      emit: (event) => events.push(event),
      hostFactor: 2,
      signal: new AbortController().signal,
    });
    await machine.close();
    await end();
    return resumedFrom;
  }
  const requests = (): unknown[] =>
    events.flatMap((event) => (event.event === 'request' ? [[event.outcome, event.what]] : []));

  it('fetches what the recipe serves, and the step knows that it has; what lies beyond is refused and told', async () => {
    assert.equal(await build(STEPS), null);
    assert.deepEqual(requests(), [
      ['served', 'boot/hello.ipxe'],
      ['refused', 'tcp 192.0.2.7:80'],
    ]);
  });

  it('finds the same files on a machine that was restored from a checkpoint', async () => {
    assert.equal(await build([...STEPS.slice(0, 2), AGAIN]), 'script');
    assert.deepEqual(requests(), [['served', 'boot/hello.ipxe']]);
  });
});
