/** SIGKILL at random moments: each build goes on, and what comes out is what comes out of an undisturbed one. */
import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { jsonLines } from '../support/cli.ts';
import { GRUB_RECIPE, needBuilds } from '../support/grub.ts';
import { killAndResume, moments } from '../support/kill-at.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { TINY_PASSWORD, TINY_RECIPE } from '../support/tiny-build.ts';

const SEED = 38;

describe('builds killed with SIGKILL at random moments', () => {
  let test: TestHome;
  before(async function () {
    await needBuilds(this);
    test = await tempHome();
  });
  after(() => test?.remove());

  it('20 of GRUB’s rescue CD go on and end well', async () => {
    const build = ['build', GRUB_RECIPE, '--repair', 'never'];
    const whole = await jsonLines(test, build);
    for (const moment of moments(SEED, 20, whole.length)) await killAndResume(test, build, moment);
  });

  it('2 of debian-12-tiny go on and end with the manifest of one that was left alone', async () => {
    const recipe = path.join(test.folder, 'debian-12-tiny.yaml');
    await copyFile(TINY_RECIPE, recipe);
    const password = path.join(test.folder, 'password');
    await writeFile(password, `${TINY_PASSWORD}\n`, { mode: 0o600 });
    const build = ['build', recipe, '--repair', 'never', '--secret', `root_password=${password}`];
    const whole = await jsonLines(test, build);
    const { manifest } = whole.at(-1).build;
    assert.match(manifest, /^sha256:/);
    for (const moment of moments(SEED, 2, whole.length)) {
      const { events } = await killAndResume(test, build, moment);
      assert.equal(events.at(-1).build.manifest, manifest, JSON.stringify(moment));
    }
  });
});
