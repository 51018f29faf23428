import assert from 'node:assert/strict';
import { differenceMarks } from '../../../src/cli/repair/differences.ts';

describe('the differences of two texts', () => {
  it('are marked under the words of what is there now', () => {
    assert.equal(differenceMarks('Choose your location', 'Select your location'), '^^^^^^');
    assert.equal(differenceMarks('Select your location', 'Select your new location:'), '            ^^^ ^^^^^^^^^');
    assert.equal(differenceMarks('the same', 'the same'), '');
    assert.equal(differenceMarks('', 'new'), '^^^');
  });
});
