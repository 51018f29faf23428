/** How `npm test` counts, and keeps two machines from running at once: scripts/lanes.ts, test/support/skip.ts. */
import assert from 'node:assert/strict';
import { addTotals, readFailures, readTotals, totalsLine } from '../scripts/totals.ts';
import { needPrograms } from './support/skip.ts';

describe('the closing line of a test run', () => {
  const totals = { passed: 12, failed: 1, skipped: 3 };

  it('is read as it was written', () => {
    assert.equal(totalsLine(totals), '12 passed, 1 failed, 3 skipped');
    assert.equal(totalsLine({ ...totals, skipped: 0 }), '12 passed, 1 failed');
    assert.deepEqual(readTotals(`  1 failing\n\n${totalsLine(totals)}\n`), totals);
    assert.deepEqual(readTotals('0 passed, 0 failed\n'), { passed: 0, failed: 0, skipped: 0 });
  });

  it('is the last: a run that ended before it has none', () => {
    for (const output of ['', '  ✔ a test\n', '12 passed, 0 failed\nand then it broke\n', '12 passed, 0 fai']) {
      assert.equal(readTotals(output), undefined, output);
    }
  });

  it('comes after the failures, which are said again where two runs end', () => {
    const failing = '  1 failing\n\n  1) a test\n       is red:\n     Error: no\n\n';
    assert.equal(readFailures(`  ✔ a test\n  3 passing\n${failing}${totalsLine(totals)}\n`), failing);
    const coloured = failing.replace('  1 failing', '\u001B[31m  1 failing\u001B[0m');
    assert.equal(readFailures(`  3 passing\n${coloured}${totalsLine(totals)}\n`), failing);
    assert.equal(readFailures(`  ✔ a test\n  3 passing\n${totalsLine(totals)}\n`), '');
    assert.equal(readFailures('  ✔ a test\nkilled'), '  ✔ a test\nkilled');
    const skipped = '  1 failing as skipped: why\n\n  - another test\n';
    assert.equal(readFailures(`  3 passing\n${failing}${skipped}${totalsLine(totals)}\n`), `${failing}${skipped}`);
    assert.equal(readFailures(`  3 passing\n  1 pending\n${skipped}${totalsLine(totals)}\n`), skipped);
  });

  it('sums two runs', () => {
    assert.deepEqual(addTotals(totals, { passed: 30, failed: 0, skipped: 0 }), { ...totals, passed: 42 });
  });
});

describe('a test that starts a machine', () => {
  it('is refused in a file that says nothing of it', function () {
    const machine = () => needPrograms(this, 'qemu-system-x86_64');
    assert.throws(machine, /lanes\.test\.ts starts machines: call it \*\.vm\.test\.ts/);
  });
});
