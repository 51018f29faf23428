import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { keepStageManifest, keptStageManifest } from '../../../src/workshop/build/stage-manifests.ts';

const RULES = sha256('rules');
const TEXT = 'portalgun-manifest 1\nand so on\n';

describe('what a checkpoint’s disk was measured to hold', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pg-kept-'));
    await keepStageManifest({ folder }, 'root', RULES, TEXT);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const file = async (): Promise<string> => path.join(folder, (await readdir(folder))[0] ?? '');

  it('is kept for this disk and these rules, for its owner alone', async () => {
    assert.equal(await keptStageManifest({ folder }, 'root', RULES), TEXT);
    assert.equal(await keptStageManifest({ folder }, 'data', RULES), undefined);
    assert.equal(await keptStageManifest({ folder }, 'root', sha256('other rules')), undefined);
    assert.equal((await stat(await file())).mode & 0o077, 0);
  });

  it('is measured anew where one bit of it has flipped, or its end is missing', async () => {
    const whole = await readFile(await file());
    const flipped = Buffer.from(whole);
    flipped[whole.length - 3]! ^= 1;
    for (const damaged of [flipped, whole.subarray(0, -1), Buffer.alloc(0)]) {
      await writeFile(await file(), damaged);
      assert.equal(await keptStageManifest({ folder }, 'root', RULES), undefined);
    }
  });
});
