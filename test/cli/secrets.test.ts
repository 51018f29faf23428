import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { secretsFor } from '../../src/cli/secrets.ts';
import type { RecipeSource } from '../../src/node/recipe-source.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { Recipe } from '../../src/recipe/types.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const PARAMS: Recipe['params'] = {
  door: { type: 'secret', pattern: '[!-z]{6,64}' },
  window: { type: 'secret' },
  colour: { type: 'string', default: 'red' },
};

function recipe(origin: string, params = PARAMS, version = '1.0.0'): Pick<RecipeSource, 'checked' | 'origin'> {
  const document = {
    recipe: 1,
    name: 'lair',
    version,
    params,
    machine: { arch: 'x86_64', memory: '64M' },
    steps: [{ id: 'a', expect: { text: 'any text' } }],
  };
  return { checked: parseRecipe(JSON.stringify(document)), origin };
}

const RECIPE = recipe('file:/home/one/lair.yaml');

describe('the secrets of a build', () => {
  let test: TestHome;
  beforeEach(async () => {
    test = await tempHome();
  });
  afterEach(() => test.remove());

  it('are read from the files that are named, without the line’s end', async () => {
    const [door, window] = [path.join(test.folder, 'door'), path.join(test.folder, 'window')];
    await writeFile(door, 'open sesame\n');
    await writeFile(window, ' a blank before\r\n');
    const { values, generated } = await secretsFor(RECIPE, { door, window }, test.home);
    assert.deepEqual(
      [...values],
      [
        ['door', 'open sesame'],
        ['window', ' a blank before'],
      ],
    );
    assert.deepEqual(generated, []);
  });

  it('are made up where nobody gives them: another one each, kept for their owner alone, and used again', async () => {
    const first = await secretsFor(RECIPE, {}, test.home);
    assert.deepEqual(
      first.generated.map(({ name, file }) => [name, path.basename(file).replace(/[0-9a-f]{16}/, 'KEY')]),
      [
        ['door', 'lair-KEY.door'],
        ['window', 'lair-KEY.window'],
      ],
    );
    const [door, window] = [...first.values.values()];
    assert.match(door ?? '', /^[A-Za-z0-9]{24}$/);
    assert.notEqual(door, window);
    for (const { name, file } of first.generated) {
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await stat(path.dirname(file))).mode & 0o777, 0o700);
      assert.equal(await readFile(file, 'utf8'), `${first.values.get(name)}\n`);
    }
    assert.deepEqual((await secretsFor(RECIPE, {}, test.home)).values, first.values);
    const later = recipe(RECIPE.origin, PARAMS, '1.0.1');
    assert.deepEqual((await secretsFor(later, {}, test.home)).values, first.values);
  });

  it('are the same for builds that make them up at the same time', async () => {
    const builds = Array.from({ length: 8 }, () => secretsFor(RECIPE, {}, test.home));
    const doors = new Set((await Promise.all(builds)).map(({ values }) => values.get('door')));
    assert.equal(doors.size, 1);
    const folder = path.join(test.home.data, 'secrets');
    const kept = (await readdir(folder)).filter((name) => name.endsWith('.door'));
    assert.equal((await readdir(folder)).length, 2, 'nothing half-written is left');
    assert.deepEqual(doors, new Set([(await readFile(path.join(folder, kept[0] ?? ''), 'utf8')).trimEnd()]));
  });

  it('are others for another recipe of the same name, in another file or of another author', async () => {
    const origins = [RECIPE.origin, 'file:/home/two/lair.yaml', 'author:alice/lair', 'author:mallory/lair'];
    const doors = new Set<string | undefined>();
    for (const origin of origins) doors.add((await secretsFor(recipe(origin), {}, test.home)).values.get('door'));
    assert.equal(doors.size, origins.length);
  });

  it('go on in a home that kept them by the recipe’s name alone: for one file, and never for what somebody published', async () => {
    const folder = path.join(test.home.data, 'secrets');
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'lair.door'), 'kept for long\n');
    const door = async (origin: string) => (await secretsFor(recipe(origin), {}, test.home)).values.get('door');
    assert.notEqual(await door('author:mallory/lair'), 'kept for long');
    assert.equal(await door('file:/home/one/lair.yaml'), 'kept for long');
    assert.equal(await door('file:/home/one/lair.yaml'), 'kept for long');
    assert.notEqual(await door('file:/home/two/lair.yaml'), 'kept for long');
  });

  it('must be given where what would be made up does not fit the recipe', async () => {
    const safe = recipe('file:/safe.yaml', { pin: { type: 'secret', pattern: '[0-9]{4}' } });
    await assert.rejects(secretsFor(safe, {}, test.home), {
      code: 'build/missing-secret',
      exitCode: 2,
      hint: /--secret pin=FILE/,
    });
  });

  it('are not made up in place of a file that cannot be read', async () => {
    await assert.rejects(secretsFor(RECIPE, { door: path.join(test.folder, 'nothing') }, test.home), {
      code: 'build/unreadable-secret',
      exitCode: 2,
    });
  });
});
