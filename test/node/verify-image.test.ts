/** One changed bit is found, named and refused, whichever of the things that belong to an image it is in. */
import assert from 'node:assert/strict';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Level } from 'level';
import type { Digest } from '../../src/crypto/digest.ts';
import { PortalgunError } from '../../src/errors.ts';
import { findBuild, writeBuildRecord } from '../../src/node/build-records.ts';
import { connect } from '../../src/node/connect.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { verifyStoredImage } from '../../src/node/verify-image.ts';
import { seeded } from '../support/random.ts';
import { needPrograms } from '../support/skip.ts';
import type { StoredImage } from '../../src/workshop/image/index.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { extentManifest } from '../workshop/image/image-facts.fixture.ts';

const { signal } = new AbortController();

/** Bits of each thing that are tried. */
const FLIPS = 16;

describe('an image, its build, and what was signed of it', function () {
  this.timeout(120_000);
  let person: TestHome;
  let stored: StoredImage;
  let record: Digest;

  before(async function () {
    needPrograms(this, 'qemu-img');
    person = await tempHome();
    await openHome(person.home);
    await createIdentity(person.home);
    const disk = Buffer.alloc(64 * 1024, 'what a disk holds ');
    await writeFile(path.join(person.folder, 'disk'), disk);
    const manifest = extentManifest(disk);
    stored = await storedBuild(person, 'made', { disk: path.join(person.folder, 'disk'), manifest });
    const home = await connect(person.home);
    ({ record } = await home.call('publish.attestation', { build: stored.id, offline: true }, signal));
    const build = await findBuild(person.home, stored.id);
    await writeBuildRecord(person.home, { ...build, published: { attestation: record } });
  });
  after(() => person?.remove());

  const verify = () => verifyStoredImage(person.home, 'made', { measure: false, signal });

  async function refusal(what: string): Promise<PortalgunError> {
    try {
      await verify();
    } catch (error) {
      assert.ok(error instanceof PortalgunError, `${what}: ${String(error)}`);
      assert.equal(error.exitCode, 3, `${what}: ${error.code}: ${error.message}`);
      return error;
    }
    return assert.fail(`${what} was not found`);
  }

  it('hold together as they are', async () => {
    const { image, build, attestation, measured } = await verify();
    assert.deepEqual([image.id, build, attestation, measured], ['made', stored.id, record, false]);
  });

  it('what is kept of the build is not believed where another thing was signed', async () => {
    const build = await findBuild(person.home, stored.id);
    const attestation = { ...build.attestation!, environment: { qemu: '9.0' } };
    await writeBuildRecord(person.home, { ...build, attestation });
    assert.equal((await refusal('another QEMU')).code, 'attestation/lost');
    await writeBuildRecord(person.home, build);
  });

  const image = (name: string) => (): string => path.join(person.home.imagesDir, 'made', name);
  const build = (name: string) => (): string => path.join(person.home.buildsDir, stored.id, name);

  async function refusesFlips(file: string, intact: Buffer, [from, to]: readonly [number, number], named: RegExp) {
    const random = seeded(intact.length);
    await chmod(file, 0o600);
    for (let count = 0; count < FLIPS; count += 1) {
      const at = from + Math.floor(random() * (to - from));
      const bit = Math.floor(random() * 8);
      const flipped = Buffer.from(intact);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
      await writeFile(file, flipped);
      const { message } = await refusal(`bit ${bit} of ${flipped.toString('latin1', at - 20, at + 20)}`);
      assert.match(message, named);
    }
  }

  for (const [what, file, named] of [
    ['the disk', image('root.raw'), /^root\.raw of the image made/],
    ['the manifest', image('manifest.txt'), /^manifest\.txt of the image made/],
    ['image.json', image('image.json'), /^image\.json of the image made/],
    ['the manifest of the build', build('manifest.txt'), /^manifest\.txt of the build/],
    ['the lock', build('lock.yaml'), /^lock\.yaml of the build/],
    ['build.json', build('build.json'), /^build\.json of the build/],
  ] as const) {
    it(`one flipped bit of ${what} is found, named and refused`, async () => {
      const intact = await readFile(file());
      await refusesFlips(file(), intact, [0, intact.length], named);
      await rm(file());
      // Without image.json there is no image.
      if (what !== 'image.json') assert.match((await refusal('that it is missing')).message, /made/);
      await writeFile(file(), intact);
      await verify();
    });
  }

  it('one flipped bit of what is attested is found in a build.json that was written without a digest', async () => {
    const file = build('build.json')();
    const intact = await readFile(file);
    const older = intact.toString().replace(/,\n {2}"digest": "[^"]+"/, '');
    assert.equal(older.length, intact.length - 87);
    await writeFile(file, older);
    await verify();
    const from = older.indexOf('"attestation": {') + '"attestation": '.length;
    const named = /^build\.json of the build|record .* of the build/;
    await refusesFlips(file, Buffer.from(older), [from, older.indexOf('\n  }', from)], named);
    await writeFile(file, intact);
    await verify();
  });

  it('one flipped bit of the record in the store is found, named and refused', async () => {
    const random = seeded(9);
    const key = `record\0${record}`;
    const change = async (value: (intact: Uint8Array) => Uint8Array): Promise<Uint8Array> => {
      const store = new Level<string, Uint8Array>(person.home.storeDir, { valueEncoding: 'view' });
      try {
        const intact = await store.get(key);
        assert.ok(intact);
        await store.put(key, value(intact));
        return intact;
      } finally {
        await store.close();
      }
    };
    for (let count = 0; count < FLIPS; count += 1) {
      const intact = await change((bytes) => {
        const flipped = Uint8Array.from(bytes);
        const at = Math.floor(random() * flipped.length);
        flipped[at]! ^= 1 << Math.floor(random() * 8);
        return flipped;
      });
      const { code, message } = await refusal('the record');
      assert.match(code, /^(?:store|attestation)\/damaged$/);
      assert.ok(message.includes(record), message);
      await change(() => intact);
    }
    await verify();
  });
});
