/** SIGKILL at random moments of a build of GRUB's rescue CD. `npm run test:vm` does it at many more of them. */
import assert from 'node:assert/strict';
import { jsonLines } from '../support/cli.ts';
import { GRUB_RECIPE, needBuilds } from '../support/grub.ts';
import { killAndResume, moments } from '../support/kill-at.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const SEED = 20_261_127;
const BUILD = ['build', GRUB_RECIPE, '--repair', 'never'];

describe('a build killed with SIGKILL at a random moment', function () {
  this.timeout(240_000);
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
});
