/** What of a host is told to others. */
import assert from 'node:assert/strict';
import { processorIn } from '../../../src/workshop/build/host.ts';

describe('the processor of a host', () => {
  it('is told by maker and family, and no nearer', () => {
    const intel =
      'processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon of a kind\n';
    assert.equal(processorIn(`${intel}\n${intel}`, 'x64'), 'x64 GenuineIntel 6');
    const arm = 'processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\n';
    assert.equal(processorIn(arm, 'arm64'), 'arm64 0x41 8');
  });

  it('is its architecture where nothing else is said, or something odd', () => {
    assert.equal(processorIn('', 'x64'), 'x64');
    assert.equal(processorIn(`vendor_id\t: ${'x'.repeat(33)}\ncpu family\t: \u001b[2J\n`, 'x64'), 'x64');
  });
});
