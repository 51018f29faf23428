/** From what a recipe says of its machine to the machine that is started. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { fixedUuid } from '../../../src/recipe/fixed.ts';
import { parseRecipe } from '../../../src/recipe/parse.ts';
import { resolveRecipe } from '../../../src/recipe/resolve.ts';
import { planMachine, type MachinePlan } from '../../../src/workshop/build/plan.ts';
import { qemuArguments } from '../../../src/workshop/machine/qemu-args.ts';
import type { VerifiedMedia } from '../../../src/workshop/media/types.ts';

const file = (path: string) => ({ path, sha256: sha256(path) });

/** Only media/ makes verified media; what is looked at here are their paths and digests. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const mediaOf = (media: object) => media as unknown as VerifiedMedia;

describe('the machine of a build', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'pg-plan-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const plan = (machine: string, media: object, disks = '', more = ''): Promise<MachinePlan> => {
    const source = [
      'recipe: 1\nname: planned\nversion: 1.0.0\nsummary: For its machine',
      `media: { parts: { layout: ${disks || 'usb-fat'}, files: { a: b } } }`,
      `machine: { memory: 64M, ${machine} }`,
      ...(more === '' ? [] : [more]),
      'steps: [{ id: end, expect: { text: the end } }]\n',
    ].join('\n');
    return planMachine(resolveRecipe(parseRecipe(source)), mediaOf(media), folder, new AbortController().signal);
  };
  const parts = { parts: file('/parts.img') };

  it('has the firmware that was verified, and its variables on a disk that no recipe can name', async () => {
    const firmware = { code: file('/code.fd'), variables: file('/variables.fd') };
    const { config, media } = await plan('arch: x86_64, firmware: uefi', { disks: {}, firmware });
    assert.deepEqual(config.firmware, { path: '/code.fd' });
    assert.deepEqual(config.disks, [{ id: 'uefi.variables', path: '/variables.fd', format: 'raw', bus: 'pflash' }]);
    const other = { ...firmware, code: file('/other.fd') };
    assert.notEqual((await plan('arch: x86_64, firmware: uefi', { disks: {}, firmware: other })).media, media);
    const bios = await plan('arch: x86_64', { disks: {} });
    assert.ok(!('firmware' in bios.config) && !('display' in bios.config));
  });

  it('has a UUID of the recipe’s name where that is fixed, and the environment in front of the kernel’s arguments', async () => {
    const bare = await plan('arch: x86_64', { disks: {} });
    assert.ok(!('uuid' in bare.config));
    const { config } = await plan('arch: x86_64', { disks: {} }, '', 'reproducible: { uuid: fixed }');
    assert.equal(config.uuid, fixedUuid('planned', 'machine'));
    const source = [
      'recipe: 1\nname: planned\nversion: 1.0.0',
      'media: { kernel: { package: linux, path: vmlinuz } }',
      'machine: { arch: x86_64, memory: 64M, kernel_args: quiet --- console=ttyS0 }',
      'reproducible: { environment: fixed }',
      'steps: [{ id: end, expect: { text: the end } }]\n',
    ].join('\n');
    const media = mediaOf({ disks: {}, kernel: file('/vmlinuz') });
    const made = await planMachine(resolveRecipe(parseRecipe(source)), media, folder, new AbortController().signal);
    const seeds = 'PYTHONHASHSEED=0 PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0';
    assert.equal(made.config.kernel?.args, `${seeds} quiet --- console=ttyS0`);
  });

  it('has the architecture and the resolution that the recipe says', async () => {
    const { config } = await plan('arch: i386, display: { resolution: 1280x1024 }', { disks: {} });
    assert.equal(config.arch, 'i386');
    assert.deepEqual(config.display, { width: 1280, height: 1024 });
  });

  it('has its packages on a USB disk or, for a kernel without USB, on a virtio disk that cannot be written', async () => {
    const [usb, virtio] = [
      await plan('arch: x86_64', { disks: parts }),
      await plan('arch: x86_64', { disks: parts }, 'virtio-fat'),
    ];
    assert.equal(usb.config.disks[0]?.bus, 'usb');
    assert.deepEqual(virtio.config.disks[0], {
      id: 'parts',
      path: '/parts.img',
      format: 'raw',
      bus: 'virtio',
      readOnly: true,
    });
    const { config } = virtio;
    const args = qemuArguments({ config, accelerator: 'tcg', disks: config.disks, incoming: false }).join(' ');
    assert.match(args, /node-name=disk-parts,read-only=on/);
    assert.match(args, /-device virtio-blk-pci,drive=disk-parts/);
    assert.ok(!args.includes('qemu-xhci'));
  });
});
