/** Reading a stored image again: under which rules, and with what. The reading itself is tested with real images. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { openHome } from '../../src/node/home.ts';
import { measureImage, rulesOf } from '../../src/node/read-image.ts';
import { IMAGE_VERSION, type StoredImage } from '../../src/workshop/image/image-types.ts';
import { finishedBuild } from '../support/finished-build.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { extentManifest, FACTS } from '../workshop/image/image-facts.fixture.ts';
import { startHost } from '../workshop/media/test-host.ts';

const signal = new AbortController().signal;
const made = extentManifest(Buffer.from('a disk'));
const image: StoredImage = {
  ...FACTS,
  version: IMAGE_VERSION,
  id: 'tiny-1',
  manifest: made.digest,
  measuredDisk: 'main',
  disks: [{ id: 'main', file: 'main.raw', sizeBytes: 6, sha256: sha256(Buffer.from('a disk')), format: 'raw' }],
};

describe('reading a stored image again', () => {
  let test: TestHome;
  beforeEach(async () => {
    test = await tempHome();
  });
  afterEach(() => test.remove());

  it('is refused where it is not kept under which rules it was measured', async () => {
    await openHome(test.home);
    await finishedBuild(test, made, { image: 'tiny-2' });
    await assert.rejects(rulesOf(test.home, image, made), {
      code: 'possession/no-rules',
      exitCode: 2,
      message: /tiny-1/,
    });
  });

  it('takes the tools from the archives that the person has named', async () => {
    const host = await startHost();
    const own = await tempHome({ PORTALGUN_CACHE: path.join(test.folder, 'cache') });
    try {
      await mkdir(own.home.config, { recursive: true });
      await writeFile(
        path.join(own.home.config, 'config.yaml'),
        `archives: ["${host.url('/debian')} bookworm main"]\n`,
      );
      await assert.rejects(measureImage(own.home, image, { as: 'test', normalise: [] }, signal), {
        code: 'media/lists-not-updated',
      });
      assert.deepEqual(host.asked, ['/debian/dists/bookworm/InRelease']);
    } finally {
      await own.remove();
      await host.close();
    }
  });
});
