/** The home folder: where it is, what version it has, and who may read it. */
import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from '../../src/node/connect.ts';
import { HOME_VERSION, homeAt, openHome } from '../../src/node/home.ts';
import { skip } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

describe('the home folder', () => {
  let test: TestHome;
  beforeEach(async () => {
    test = await tempHome();
  });
  afterEach(() => test.remove());

  it('is $PORTALGUN_HOME where that is set', () => {
    const home = homeAt({ PORTALGUN_HOME: '/somewhere', XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: '/config' });
    assert.deepEqual(
      [home.root, home.policyFile, home.storeDir, home.cacheDir],
      ['/somewhere', '/somewhere/policy.yaml', '/somewhere/store', '/somewhere/cache'],
    );
  });

  it('is the XDG folders otherwise, and what they default to', () => {
    const home = homeAt({ XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: '/config', XDG_CACHE_HOME: '/cache' });
    assert.deepEqual(
      [home.policyFile, home.identityDir, home.cacheDir],
      ['/config/portalgun/policy.yaml', '/data/portalgun/identity', '/cache/portalgun'],
    );
    assert.match(homeAt({}).identityDir, /\/\.local\/share\/portalgun\/identity$/);
  });

  it('shares media where $PORTALGUN_CACHE says so, and its runtime folder with no other home', () => {
    const [one, two] = ['/one', '/two'].map((at) => homeAt({ PORTALGUN_HOME: at, PORTALGUN_CACHE: '/shared' }));
    assert.equal(one?.cacheDir, '/shared');
    assert.equal(two?.cacheDir, '/shared');
    assert.notEqual(one.runtime, two.runtime);
  });

  it('keeps socket paths short enough, however long its own path is', () => {
    const home = homeAt({ PORTALGUN_HOME: `/${'long/'.repeat(60)}`, XDG_RUNTIME_DIR: '/run/user/1000' });
    assert.ok(Buffer.byteLength(home.controlSocket) < 107);
  });

  it('is made for its owner alone', async () => {
    await openHome(test.home);
    for (const folder of [test.home.root, test.home.identityDir, test.home.runtime]) {
      assert.equal((await stat(folder)).mode & 0o777, 0o700, folder);
    }
    assert.deepEqual(JSON.parse(await readFile(path.join(test.home.data, 'home.json'), 'utf8')), {
      version: HOME_VERSION,
    });
  });

  it('is not used where others could answer in the node’s place: its runtime folder must be the owner’s alone', async () => {
    await openHome(test.home);
    for (const folder of [path.dirname(test.home.runtime), test.home.runtime]) {
      await chmod(folder, 0o777);
      for (const use of [openHome(test.home), connect(test.home)]) {
        await assert.rejects(use, { code: 'home/runtime-not-yours', exitCode: 3 });
      }
      await chmod(folder, 0o700);
    }
    await chmod(path.dirname(test.home.runtime), 0o1777); // sticky, as /tmp is
    await openHome(test.home);
  });

  it('is not used where its runtime folder is somebody else’s', async function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can give a folder away');
    await openHome(test.home);
    await chown(test.home.runtime, 65_534, 65_534);
    await assert.rejects(openHome(test.home), { code: 'home/runtime-not-yours' });
  });

  it('of a newer version is refused, and left as it is', async () => {
    await mkdir(test.home.data, { recursive: true });
    const file = path.join(test.home.data, 'home.json');
    await writeFile(file, `{"version": ${HOME_VERSION + 1}}`);
    await assert.rejects(openHome(test.home), {
      code: 'home/newer',
      message: /made by a newer portalgun \(home version 2, this one knows 1\)/,
      hint: /Update portalgun/,
    });
    assert.equal(await readFile(file, 'utf8'), `{"version": ${HOME_VERSION + 1}}`);
  });

  for (const text of ['', 'garbage', '{}', '{"version":"1"}']) {
    it(`whose version cannot be read is refused: ${JSON.stringify(text)}`, async () => {
      await mkdir(test.home.data, { recursive: true });
      await writeFile(path.join(test.home.data, 'home.json'), text);
      await assert.rejects(openHome(test.home), { code: 'home/damaged', hint: /"version": 1/ });
    });
  }

  it('that cannot be made is named, with what to do', async () => {
    await chmod(test.folder, 0o700);
    await writeFile(path.join(test.folder, 'file'), '');
    const home = homeAt({ ...test.environment, PORTALGUN_HOME: path.join(test.folder, 'file', 'home') });
    await assert.rejects(openHome(home), { code: 'home/not-writable', exitCode: 5, hint: /PORTALGUN_HOME/ });
  });
});
