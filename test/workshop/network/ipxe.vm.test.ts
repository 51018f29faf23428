/** Files that a recipe serves, fetched by a real guest: iPXE's command line, which knows DHCP and HTTP. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Step } from '../../../src/recipe/types.ts';
import type { BuildEvent } from '../../../src/workshop/provision/index.ts';
import { ipxeKernel, smallMachine } from '../machine/guests.ts';
import { finish, recipeOf, runReally } from '../provision/real-run.ts';

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
  this.timeout(600_000);
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
    const result = await runReally({
      resolved: recipeOf(steps, { params: { word: { type: 'string', default: 'portal' } } }),
      config: { ...smallMachine([]), network: { allow: [] }, kernel: { path: kernel, args: 'shell' } },
      folder,
      emit: (event) => events.push(event),
    });
    await finish(result);
    return result.resumedFrom;
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
