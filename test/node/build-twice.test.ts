import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { findBuild } from '../../src/node/build-records.ts';
import { refuseOtherInputs } from '../../src/node/build-twice.ts';
import { openHome } from '../../src/node/home.ts';
import { extentManifest } from '../workshop/image/image-facts.fixture.ts';
import { finishedBuild } from '../support/finished-build.ts';
import { withHomes } from '../support/temp-home.ts';

describe('a build that is made again', () => {
  it('is compared only where it was made from the same inputs', () =>
    withHomes(1, async (test) => {
      await openHome(test.home);
      const [one, other] = [extentManifest(Buffer.from('one')), extentManifest(Buffer.from('other'))];
      const made = async (...args: Parameters<typeof finishedBuild>) =>
        findBuild(test.home, await finishedBuild(...args));
      const first = await made(test, one);
      refuseOtherInputs(first, await made(test, other));
      const second = await made(test, one, { recipe: sha256('another recipe') });
      assert.throws(() => refuseOtherInputs(first, second), {
        code: 'build/other-inputs',
        exitCode: 1,
        facts: { first: first.buildKey, second: second.buildKey },
      });
    }));
});
