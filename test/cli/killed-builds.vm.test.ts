/** SIGKILL at random moments of a build of GRUB's rescue CD. `npm run test:vm` does it at many more of them. */
import assert from 'node:assert/strict';
import { errorOf, jsonLines, type Answer } from '../support/cli.ts';
import { GRUB_RECIPE, grubRecipe, needBuilds } from '../support/grub.ts';
import { killAndResume, moments } from '../support/kill-at.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const SEED = 20_261_127;
const BUILD = ['build', GRUB_RECIPE, '--repair', 'never'];

describe('a build killed with SIGKILL at a random moment', function () {
  this.timeout(600_000);
  let test: TestHome;
  before(async function () {
    await needBuilds(this);
    test = await tempHome();
  });
  after(() => test?.remove());

  it('goes on from its last checkpoint and ends well', async () => {
    const whole = await jsonLines(test, BUILD);
    const [first, second] = moments(SEED, 2, whole.length);
    assert.ok(first && second);
    for (const moment of [first, second]) await killAndResume(test, BUILD, moment);
  });

  it('costs no more than its last step where that was changed, and begins where one says', async () => {
    const last = '    do: [{ type: clear }, { key: enter }]';
    const changed = await grubRecipe(test, [[last, `    summary: changed\n${last}`]]);
    const done = (events: readonly Answer[]): string[] =>
      events.filter(({ event }) => event === 'step-done').map(({ step }): string => step);
    const build = ['build', changed, '--repair', 'never'];
    assert.deepEqual(done(await jsonLines(test, build)), ['clear']);
    const [resumed] = (await jsonLines(test, [...build, '--from', 'command-line'])).filter(
      ({ event }) => event === 'resumed',
    );
    assert.equal(resumed.step, 'command-line');
    const error = await errorOf(test, [...build, '--from', 'nowhere'], 2);
    assert.equal(error.code, 'build/no-such-checkpoint');
    assert.deepEqual(
      error.facts.checkpoints.map(({ step }: Answer): string => step),
      ['menu', 'command-line', 'loop'],
    );
  });
});
