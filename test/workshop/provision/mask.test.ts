import assert from 'node:assert/strict';
import { createMasker } from '../../../src/workshop/provision/mask.ts';

describe('masking of secrets', () => {
  const masker = createMasker(['swordfish', 'ab']);

  it('hides a value wherever it stands', () => {
    assert.equal(masker.text('password=swordfish, again swordfish; ab'), 'password=•••••••••, again •••••••••; ••');
  });

  it('hides the beginning of a value that is still being typed', () => {
    assert.equal(masker.text('> sword'), '> •••••');
    assert.equal(masker.text('> swo'), '> swo');
  });

  it('does not tell what a secret begins with by dotting out the middle of another word', () => {
    assert.equal(masker.text('Enter your password'), 'Enter your password');
  });

  it('hides a value that runs over the end of a row, and keeps the rows as long as they were', () => {
    assert.deepEqual(masker.lines(['pass: swor', 'dfish $   ']), ['pass: ••••', '••••• $   ']);
  });

  it('hides a value though some of its characters could not be read', () => {
    assert.equal(masker.text('password=sw\ufffdrd\ufffdish, and \ufffdx'), 'password=•••••••••, and \ufffdx');
    assert.deepEqual(masker.lines(['pass: s\ufffdor', 'dfish $   ']), ['pass: ••••', '••••• $   ']);
  });

  it('reaches every string of an event, and leaves everything else as it is', () => {
    const event = { event: 'typed', at: 3, nested: { screen: ['x swordfish', 'ok'], none: null } };
    assert.deepEqual(masker.value(event), {
      event: 'typed',
      at: 3,
      nested: { screen: ['x •••••••••', 'ok'], none: null },
    });
  });

  it('changes nothing where there is no secret, or an empty one', () => {
    const event = { screen: ['anything'] };
    assert.equal(createMasker(['']).value(event), event);
  });
});
