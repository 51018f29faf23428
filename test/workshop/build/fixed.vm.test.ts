/** What a recipe fixes, as a Linux guest finds it. */
import assert from 'node:assert/strict';
import { fixedUuid } from '../../../src/recipe/fixed.ts';
import { needBuilds } from '../../support/grub.ts';
import { type LinuxConsole, linuxConsole } from '../../vm/linux-console.ts';

describe('a guest whose recipe fixes what it can', function () {
  this.timeout(600_000);
  let linux: LinuxConsole;
  before(async function () {
    await needBuilds(this);
    const fields = 'reproducible: { source_date_epoch: 1767225600, clock: fixed, uuid: fixed, environment: fixed }\n';
    linux = await linuxConsole({}, fields);
  });
  after(() => linux?.close());

  it('has its clock, its UUID, and in its first program the variables', async () => {
    await linux.command('(date +%F; cat /sys/class/dmi/id/product_uuid; env; echo end) >/dev/ttyS0');
    const told = Buffer.from(await linux.serial((bytes) => Buffer.from(bytes).includes('\nend'))).toString();
    const lines = told.split(/\r?\n/);
    assert.deepEqual(lines.slice(0, 2), ['2026-01-01', fixedUuid('linux-console', 'machine')]);
    for (const variable of [
      'SOURCE_DATE_EPOCH=1767225600',
      'PYTHONHASHSEED=0',
      'PERL_HASH_SEED=0',
      'PERL_PERTURB_KEYS=0',
    ])
      assert.ok(lines.includes(variable), told);
  });
});
