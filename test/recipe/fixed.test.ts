/** What recipes fix so that two builds are equal: identifiers, the clock, the environment. */
import assert from 'node:assert/strict';
import { classOf } from '../../src/recipe/classify.ts';
import { valueDigest } from '../../src/recipe/digest.ts';
import { fixedEnvironment, fixedUuid, keeping } from '../../src/recipe/fixed.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { resolveRecipe, workDigest } from '../../src/recipe/resolve.ts';
import { recipeOf, replace } from './fixtures.ts';

const TYPED =
  "  - { id: a, do: [{ type: 'mke2fs -U {{uuid:root}} {{id:disk}} {{source_date_epoch}}' }], expect: { text: x } }\n";
const EPOCH = 'reproducible: { source_date_epoch: 1750000000 }\n';
const KERNEL = 'media: { kernel: { package: linux, path: boot/vmlinuz } }\n';

const parsed = (steps: string, rest = '') => parseRecipe(recipeOf(steps, rest));
const typedBy = (recipe: ReturnType<typeof parsed>): unknown => resolveRecipe(recipe).recipe.steps[0]?.do?.[0];
const refused = (steps: string, rest: string, why: RegExp): void =>
  assert.throws(() => parsed(steps, rest), { code: 'recipe/invalid', message: why });

describe('what a recipe fixes', () => {
  it('are identifiers that follow from its name: frozen, for others have built with them', () => {
    assert.equal(fixedUuid('small', 'root'), '7fa37c3b-967c-8be0-922e-f47859cc0901');
    assert.deepEqual(typedBy(parsed(TYPED, EPOCH)), {
      type: `mke2fs -U ${fixedUuid('small', 'root')} ccca1faf 1750000000`,
    });
  });

  it('are UUIDs of version 8, another for each name and each recipe', () => {
    const made = ['root', 'boot'].flatMap((what) => ['small', 'large'].map((recipe) => fixedUuid(recipe, what)));
    assert.equal(new Set(made).size, 4);
    for (const uuid of made)
      assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('stay the same in another version, which a patch makes', () => {
    const before = parsed(TYPED, EPOCH);
    const after = parseRecipe(before.source.replace('version: 1.0.0', 'version: 2.0.0'));
    assert.deepEqual(typedBy(before), typedBy(after));
  });

  it('is refused where it leads to nothing', () => {
    refused(TYPED, '', /\{\{source_date_epoch\}\} needs reproducible\.source_date_epoch/);
    refused(TYPED.replace('uuid:root', 'uuid:'), EPOCH, /\{\{uuid:\}\} is not a parameter/);
    refused(TYPED, 'reproducible: { clock: fixed }\n', /a fixed clock needs a source_date_epoch/);
    refused(TYPED, `${EPOCH}params: { source_date_epoch: { type: string } }\n`, /a parameter has another name/);
    const step = '  - { id: a, expect: { text: x } }\n';
    refused(step, 'reproducible: { environment: fixed }\n', /needs a kernel among the media/);
    refused(step, 'reproducible: { uuid: mine }\n', /uuid/);
    parsed(step, `${KERNEL}reproducible: { environment: fixed, uuid: fixed }\n`);
  });

  it('is an environment without the time where the recipe has none', () => {
    const seeds = ['PYTHONHASHSEED=0', 'PERL_HASH_SEED=0', 'PERL_PERTURB_KEYS=0'];
    assert.deepEqual(fixedEnvironment({ reproducible: { environment: 'fixed' } }), seeds);
    assert.deepEqual(fixedEnvironment({ reproducible: { environment: 'fixed', source_date_epoch: 5 } }), [
      'SOURCE_DATE_EPOCH=5',
      ...seeds,
    ]);
    assert.deepEqual(fixedEnvironment({ reproducible: { source_date_epoch: 5 } }), []);
  });

  it('is part of what compares, and a change of it one of authority', () => {
    const step = '  - { id: a, expect: { text: x } }\n';
    const [without, fixed] = [parsed(step), parsed(step, 'reproducible: { uuid: fixed }\n')];
    assert.notEqual(resolveRecipe(without).digest, resolveRecipe(fixed).digest);
    const value = { uuid: 'fixed' };
    assert.equal(
      classOf(without, [{ op: 'set', path: ['reproducible'], was: valueDigest(undefined), value }]),
      'authority',
    );
  });

  it('cannot be what a step types and what then confirms it, written once as a name and once as it is', () => {
    const recipe = parsed("  - { id: a, do: [{ type: 'go' }], expect: { text: 'done' } }\n");
    const echoed = { type: `echo ${fixedUuid('small', 'x')}` };
    const operation = replace(recipe, 'a', { do: [echoed], expect: { text: '{{uuid:x}}' } });
    const plain = replace(recipe, 'a', { do: [echoed], expect: { text: 'done' } });
    assert.deepEqual([classOf(recipe, [operation]), classOf(recipe, [plain])], ['authority', 'sends']);
  });

  it('is the digest of the work alone, whatever it is called and whatever rules it names', () => {
    const of = (text: string) => workDigest(resolveRecipe(parseRecipe(text)));
    const source = parsed(TYPED, EPOCH).source;
    // What follows from the name is another with another name.
    const plain = source.replace(/type: '.*?'/, "type: 'go'");
    const other = plain
      .replace('name: small', 'name: large')
      .replace('1.0.0', '2.0.0')
      .replace('summary: s', 'summary: t');
    assert.equal(of(plain), of(other));
    assert.equal(of(plain), of(`${plain}normalise: [logs]\n`));
    assert.notEqual(of(plain), of(source));
    assert.notEqual(of(plain), of(plain.replace('128M', '256M')));
  });
});

describe('an image of a machine that was driven by hand', () => {
  it('says that its clock was the host’s, unless something was decided before', () => {
    const step = '  - { id: a, expect: { text: x } }\n';
    const outputs = [{ disk: 'root', as: 'image' }] as const;
    assert.deepEqual(keeping(parsed(step).recipe, outputs), { outputs, reproducible: { clock: 'host' } });
    assert.deepEqual(keeping(parsed(step, EPOCH).recipe, outputs), { outputs });
    assert.deepEqual(keeping(parsed(step).recipe, []), {});
  });
});

describe('what lint says of an image that will differ', () => {
  const IMAGE =
    'machine: { arch: x86_64, memory: 128M, disks: [{ id: d, size: 1M }] }\noutputs: [{ disk: d, as: image }]\n';
  const found = (steps: string, rest = ''): string[] =>
    lintRecipe(parseRecipe(recipeOf(steps, rest).replace('machine: { arch: x86_64, memory: 128M }\n', IMAGE)))
      .map(({ message }) => message)
      .filter((message) => /clock|draws/.test(message));
  const FIXED = 'reproducible: { source_date_epoch: 1, clock: fixed }\n';
  const typing = (text: string): string =>
    `  - { id: a, do: [{ type: '${text}' }, { key: enter }], expect: { text: x } }\n`;

  it('is that nobody has decided on the clock, once', () => {
    assert.match(found(typing('go')).join('\n'), /^the image is compared, but its clock is that of whoever builds/);
    assert.deepEqual(found(typing('go'), FIXED), []);
    assert.deepEqual(found(typing('go'), 'reproducible: { clock: host }\n'), []);
  });

  for (const [command, given] of [
    ['mke2fs /dev/vda1', 'mke2fs -U {{uuid:a}} /dev/vda1'],
    ['mkfs.ext4 -q /dev/vda1', 'mkfs.ext4 -q -U {{uuid:a}} /dev/vda1'],
    ['mkswap /dev/vda2', 'mkswap --uuid {{uuid:a}} /dev/vda2'],
    ['mkfs.btrfs /dev/vda1', 'mkfs.btrfs -U {{uuid:a}} /dev/vda1'],
    ['mkfs.xfs /dev/vda1', 'mkfs.xfs -m uuid={{uuid:a}} /dev/vda1'],
  ] as const) {
    it(`is that an identifier is drawn: ${command}`, () => {
      assert.match(found(typing(command), FIXED).join('\n'), /draws a UUID.*\{\{uuid:NAME\}\}$/);
      assert.deepEqual(found(typing(given), FIXED), []);
    });
  }

  it('is that of files on a disk too, where placeholders are not replaced', () => {
    const disk = (text: string) => `media: { parts: { layout: usb-fat, files: { go: "${text}\\n" } } }\n`;
    assert.match(
      found(typing('go'), FIXED + disk('mkswap /dev/vda1')).join(),
      /give it -U and one that you have chosen/,
    );
    assert.deepEqual(found(typing('go'), FIXED + disk('# mkswap is not here')), []);
  });
});
