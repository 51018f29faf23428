/** Text recognition by the optional packages, offline, on a screen of a real boot. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createRecogniser, RECOGNITION_PACKAGES, recognitionDistance } from '../../../src/workshop/screen/recognise.ts';
import { screenFixture } from '../../support/screen-fixtures.ts';
import { skip } from '../../support/skip.ts';

describe('text recognition', function () {
  this.timeout(120_000);

  it('finds the words of an area, nearly, and nothing beside the screen', async function () {
    const require = createRequire(import.meta.url);
    try {
      for (const name of RECOGNITION_PACKAGES) require.resolve(`${name}/package.json`);
    } catch {
      skip(this, `${RECOGNITION_PACKAGES.join(', ')} are not installed`);
    }
    const screen = await screenFixture('grub-menu');
    const recogniser = createRecogniser();
    try {
      const signal = new AbortController().signal;
      const text = await recogniser.recognise(screen, [0, 0, 720, 60], signal);
      assert.ok(recognitionDistance('GNU GRUB version', text) <= 2, text);
      assert.ok(recognitionDistance('Select your location', text) > 2, text);
      assert.equal(await recogniser.recognise(screen, [2000, 0, 10, 10], signal), '');
    } finally {
      await recogniser.close();
    }
  });

  it('counts what is wrong at the best place, blanks as one', () => {
    assert.equal(recognitionDistance('Select  your\nlocation', 'Please Select your location now'), 0);
    assert.equal(recognitionDistance('Continue', 'C0ntlnue'), 2);
    assert.equal(recognitionDistance('Continue', ''), 8);
  });
});
