/** What a recipe takes over from its base, and what it may not. */
import assert from 'node:assert/strict';
import { PortalgunError } from '../../src/errors.ts';
import { fixedUuid } from '../../src/recipe/fixed.ts';
import { basesOf, lineageOf, machineRoot, stepsOfPart } from '../../src/recipe/lineage.ts';
import { locksDigest, lockDigest } from '../../src/recipe/lock.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { resolveChanged, resolveRecipe } from '../../src/recipe/resolve.ts';
import { keyboardAt } from '../../src/recipe/typable.ts';
import type { CheckedRecipe, Lock, Recipe, Step } from '../../src/recipe/types.ts';

const step = (id: string, rest: Partial<Step> = {}): Step => ({ id, expect: { text: `${id} is done` }, ...rest });
const OFF: Step = { id: 'off', do: [{ power: 'off' }], expect: { event: 'shutdown' } };

function recipe(document: Partial<Recipe>): CheckedRecipe {
  return parseRecipe(JSON.stringify({ recipe: 1, name: 'child', version: '1.0.0', steps: [step('own')], ...document }));
}

const PARENT: Partial<Recipe> = {
  name: 'parent',
  params: { word: { type: 'string', default: 'portal' }, count: { type: 'integer', default: 1 } },
  machine: { arch: 'x86_64', memory: '1G', disks: [{ id: 'root', size: '4G' }], kernel_args: 'quiet' },
  media: { kernel: { package: 'linux', path: 'vmlinuz' } },
  defaults: { timeout: '90s', retries: 3 },
  watch: [{ id: 'panic', when: { text: 'panic at {{word}}' }, fail: 'it panicked' }],
  steps: [step('one', { checkpoint: true }), step('two', { do: [{ type: '{{word}}' }] })],
  provides: ['prompt'],
};
const parent = recipe(PARENT);
const parentOff = recipe({ ...PARENT, steps: [...(PARENT.steps ?? []), OFF] });

const child = (document: Partial<Recipe> = {}, base: CheckedRecipe = parent, rest: object = {}): CheckedRecipe =>
  recipe({ base: { recipe: 'parent', digest: base.digest, ...rest }, ...document });

function refused(work: () => unknown): PortalgunError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof PortalgunError);
    return error;
  }
  throw assert.fail('it was not refused');
}

const problem = (document: Partial<Recipe>, base = parent, rest: object = {}): string =>
  refused(() => resolveRecipe(child(document, base, rest), {}, [base])).message;

describe('inheritance', () => {
  it('gives identifiers by its own name, and the time that the base has fixed; where that has none, it says so', () => {
    const typing = { steps: [step('own', { do: [{ type: '{{uuid:root}} {{source_date_epoch}}' }] })] };
    const timed = recipe({ ...PARENT, reproducible: { source_date_epoch: 5 } });
    const { recipe: whole } = resolveRecipe(child(typing, timed), {}, [timed]);
    assert.deepEqual(whole.steps[0]?.do, [{ type: `${fixedUuid('child', 'root')} 5` }]);
    assert.match(problem(typing), /\{\{source_date_epoch\}\} is a parameter neither of this recipe nor of its base/);
    assert.ok(!problem(typing).includes('uuid:root'));
  });

  it('takes over machine, parameters, watches and defaults, and nothing else', () => {
    const own = child({
      defaults: { retries: 0 },
      watch: [{ id: 'mine', when: { text: 'Oops {{word}}' }, fail: 'oops' }],
      steps: [step('own', { do: [{ type: '{{word}} {{count}}' }] })],
    });
    const { recipe: whole, params } = resolveRecipe(own, { word: 'gate' }, [parent]);
    assert.deepEqual(whole.machine, PARENT.machine);
    assert.deepEqual(whole.defaults, { timeout: '90s', retries: 0 });
    assert.deepEqual(
      whole.watch?.map(({ when }) => when),
      [{ text: 'panic at gate' }, { text: 'Oops gate' }],
    );
    assert.deepEqual(params, { word: 'gate', count: 1 });
    assert.deepEqual(whole.steps[0]?.do, [{ type: 'gate 1' }]);
    assert.deepEqual([whole.media, whole.provides, whole.outputs], [undefined, undefined, undefined]);
  });

  it('does its base’s steps first where the machine runs on, up to where it begins', () => {
    const ids = (rest: object): string[] =>
      stepsOfPart(resolveRecipe(child({}, parent, rest), {}, [parent]), 'steps').map(({ step: { id } }) => id);
    assert.deepEqual(ids({}), ['one', 'two', 'own']);
    assert.deepEqual(ids({ at: 'one' }), ['one', 'own']);
    const resolved = resolveRecipe(child(), {}, [parent]);
    assert.deepEqual(
      stepsOfPart(resolved, 'steps').map(({ begins, author }) => [begins, author.recipe.name]),
      [
        [false, 'parent'],
        [true, 'parent'],
        [false, 'child'],
      ],
    );
    assert.equal(machineRoot(resolved).recipe.name, 'parent');
  });

  it('begins with a machine of its own where the base’s is off, without its boot medium', () => {
    const own = child({ machine: { disks: [{ id: 'data', size: '1G' }] }, requires: ['prompt'] }, parentOff);
    const resolved = resolveRecipe(own, {}, [parentOff]);
    assert.deepEqual(
      stepsOfPart(resolved, 'steps').map(({ step: { id } }) => id),
      ['own'],
    );
    assert.equal(machineRoot(resolved), resolved);
    assert.deepEqual(
      resolved.recipe.machine.disks?.map(({ id }) => id),
      ['root', 'data'],
    );
    assert.equal(resolved.recipe.machine.kernel_args, undefined);
    assert.deepEqual(resolved.base, { resolved: resolved.base?.resolved, after: 'off', off: true });
  });

  it('goes over several generations', () => {
    const middle = child({ name: 'middle', params: { name: { type: 'string' } }, steps: [step('middle')] });
    const last = recipe({
      base: { recipe: 'friend/middle', digest: middle.digest, params: { name: 'bob' } },
      steps: [step('last', { do: [{ type: '{{word}} {{name}}' }] })],
    });
    const resolved = resolveRecipe(last, { word: 'gate' }, [middle, parent]);
    assert.deepEqual(resolved.recipe.steps[0]?.do, [{ type: 'gate bob' }]);
    assert.deepEqual(
      stepsOfPart(resolved, 'steps').map(({ step: { id } }) => id),
      ['one', 'two', 'middle', 'last'],
    );
    assert.deepEqual(basesOf(resolved), [middle, parent]);
    assert.equal(lineageOf(resolved).length, 3);
  });

  it('goes on with the keyboard layout that its base has left', () => {
    const german = recipe({ ...PARENT, steps: [step('one', { do: [{ layout: 'de' }] })] });
    const { recipe: whole } = resolveRecipe(child({}, german), {}, [german]);
    assert.equal(keyboardAt(whole, 'steps', 0), 'de');
  });

  it('has a digest that follows the base and its parameters, and not the name that it is found by', () => {
    const digest = (rest: object, given = {}): string => resolveRecipe(child({}, parent, rest), given, [parent]).digest;
    assert.notEqual(digest({}), digest({ at: 'one' }));
    assert.notEqual(digest({}), digest({}, { word: 'gate' }));
    assert.equal(digest({ params: { word: 'gate' } }), digest({}, { word: 'gate' }));
    assert.equal(digest({}), digest({ recipe: 'friend/parent' }));
  });

  it('is resolved again after a change of its own steps, with the same parameters', () => {
    const resolved = resolveRecipe(child({}, parent, { params: { word: 'gate' } }), { count: 7 }, [parent]);
    const changed = resolveChanged(
      resolved,
      child({ steps: [step('own', { do: [{ type: '{{word}} {{count}}' }] })] }, parent, { params: { word: 'gate' } }),
    );
    assert.deepEqual(changed.recipe.steps[0]?.do, [{ type: 'gate 7' }]);
  });

  it('counts all locks into one digest', () => {
    const lock = (of: string): Lock => ({ lock: 1, of: `sha256:${of.repeat(64)}`, media: {} });
    assert.equal(locksDigest([lock('1')]), lockDigest(lock('1')));
    assert.notEqual(locksDigest([lock('1'), lock('2')]), lockDigest(lock('1')));
    assert.notEqual(locksDigest([lock('1'), lock('2')]), locksDigest([lock('2'), lock('1')]));
  });

  it('refuses another base than the one that is named, and none', () => {
    assert.equal(refused(() => resolveRecipe(child(), {}, [])).code, 'recipe/base-missing');
    assert.equal(refused(() => resolveRecipe(child(), {}, [parentOff])).code, 'recipe/wrong-base');
    const renamed = child({}, parent, { recipe: 'other' });
    assert.equal(refused(() => resolveRecipe(renamed, {}, [parent])).code, 'recipe/wrong-base');
  });

  it('refuses to begin where the base has no checkpoint, or no such step', () => {
    assert.match(problem({}, parent, { at: 'two' }), /"two" of parent is no checkpoint; it has one/);
    assert.match(problem({}, parent, { at: 'onee' }), /no step "onee"; did you mean "one"/);
  });

  it('refuses what the base does not provide, and whatever it has already', () => {
    assert.match(problem({ requires: ['prompt', 'network'] }), /does not provide "network"; it provides prompt/);
    assert.match(problem({ steps: [step('one')] }), /parent has a step "one" already/);
    assert.match(problem({ personalise: [step('two')] }), /parent has a step "two" already/);
    assert.match(
      problem({ watch: [{ id: 'panic', when: { text: 'Oops' }, fail: 'x' }] }),
      /parent has "panic" already/,
    );
    assert.match(problem({ machine: { disks: [{ id: 'root', size: '1G' }] } }, parentOff), /has a disk "root" already/);
    assert.match(problem({ outputs: [{ disk: 'roof', as: 'image' }] }), /no disk "roof"; did you mean "root"/);
    assert.match(problem({ params: { word: { type: 'string', default: 'x' } } }), /word: the base has a parameter/);
  });

  it('refuses to build anything into a machine that runs on', () => {
    assert.match(problem({ machine: { disks: [{ id: 'data', size: '1G' }] } }), /cannot be added to/);
    assert.match(problem({ media: { extra: { layout: 'usb-fat' } } }), /nothing else can be attached/);
    assert.match(problem({ reproducible: { clock: 'host' } }), /keeps its clock/);
    assert.match(problem({ steps: [step('own', { do: [{ click: { at: [1, 1] } }] })] }), /has no pointer/);
    assert.match(problem({ steps: [step('own', { do: [{ serve: { file: 'f', content: 'x' } }] })] }), /has no network/);
    assert.match(problem({ steps: [step('own', { do: [{ insert: 'disc' }] })] }), /no medium "disc" for a drive/);
    assert.match(problem({ steps: [step('own', { do: [{ eject: 'cd' }] })] }), /has no cd drive whose medium changes/);
  });

  it('refuses parameters that nobody has, wherever they are', () => {
    assert.match(
      problem({ steps: [step('own', { do: [{ type: '{{ward}}' }] })] }),
      /\{\{ward\}\}.*did you mean "word"/,
    );
    assert.match(problem({}, parent, { params: { ward: 'x' } }), /ward: this recipe has no such parameter/);
    const bound = child({}, parent, { params: { word: 'gate' } });
    assert.match(refused(() => resolveRecipe(bound, { word: 'x' }, [parent])).message, /word: this recipe has no such/);
  });

  it('refuses a needle that neither has', () => {
    const steps = [step('own', { when: { all: [{ needle: 'logo' }] }, do: [{ click: { needle: 'button' } }] })];
    const message = problem({ steps }, parentOff);
    assert.match(message, /no needle "logo"/);
    assert.match(message, /no needle "button"/);
  });

  it('refuses a document that changes what it inherits, or that requires something of nobody', () => {
    const invalid = (document: Partial<Recipe>): string => refused(() => recipe(document)).message;
    assert.match(invalid({ ...child().recipe, machine: { memory: '2G' } }), /inherits "memory"/);
    assert.match(invalid({ machine: PARENT.machine ?? {}, requires: ['prompt'] }), /requires goes with a base/);
    assert.match(invalid({}), /the field "machine" is missing/);
  });
});
