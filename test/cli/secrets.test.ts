import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { secretsFor } from '../../src/cli/secrets.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const RECIPE = {
  name: 'lair',
  params: {
    door: { type: 'secret', pattern: '[!-z]{6,64}' },
    window: { type: 'secret' },
    colour: { type: 'string', default: 'red' },
  },
} as const;

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
      first.generated.map(({ name, file }) => [name, path.basename(file)]),
      [
        ['door', 'lair.door'],
        ['window', 'lair.window'],
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
    const other = await secretsFor({ ...RECIPE, name: 'other' }, {}, test.home);
    assert.notEqual(other.values.get('door'), door);
  });

  it('must be given where what would be made up does not fit the recipe', async () => {
    const recipe = { name: 'safe', params: { pin: { type: 'secret', pattern: '[0-9]{4}' } } } as const;
    await assert.rejects(secretsFor(recipe, {}, test.home), {
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
