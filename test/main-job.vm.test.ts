/**
 * `npm start -- --exit`, as a newcomer runs it: two homes, two nodes, two builds of debian-12-tiny through Debian's own
 * installer, one mended by a person and one healed by the signed patch, and equal checksums at the end.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ROOT } from './support/cli.ts';
import { needBuilds } from './support/grub.ts';
import { needPrograms } from './support/skip.ts';
import { tempHome, type TestHome } from './support/temp-home.ts';

describe('the main job', function () {
  this.timeout(60 * 60_000);
  let home: TestHome;
  before(async function () {
    needPrograms(this, 'script');
    await needBuilds(this);
    home = await tempHome();
  });
  after(() => home?.remove());

  it('breaks, is mended, heals by the peer’s patch, and the checksums agree', async () => {
    const { stdout } = await promisify(execFile)('npm', ['start', '--silent', '--', '--exit'], {
      cwd: ROOT,
      env: { ...home.environment },
      maxBuffer: 64 * 1024 * 1024,
    });
    assert.match(stdout, /✗ partition/);
    assert.match(stdout, /repair from patches in the store/);
    assert.match(stdout, /alice about bob: match/);
    assert.match(stdout, /bob about alice: match/);
    assert.equal(stdout.match(/attestation of debian-12-tiny/g)?.length, 2);
  });
});
