/** What is kept of a build is read only as it was written. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { PortalgunError } from '../../src/errors.ts';
import { formatBuildJson, parseBuildJson } from '../../src/node/build-json.ts';
import type { BuildRecord } from '../../src/node/build-records.ts';

const ID = 'tiny-20260102-030405';
const recipe = sha256('recipe');

/** Every field has a value: the compiler asks for one where a field is added. */
const RECORD: Required<BuildRecord> = {
  version: 1,
  id: ID,
  recipeName: 'tiny',
  startedRecipe: recipe,
  finalRecipe: sha256('mended'),
  status: 'done',
  startedAt: '2026-01-02T03:04:05.000Z',
  tookMs: 61_234,
  repairs: [
    {
      step: 'boot',
      origin: 'trusted-patch',
      patch: sha256('patch'),
      summary: 'waits for the menu',
      base: recipe,
      result: sha256('mended'),
      operations: [{ op: 'set', path: ['timeout'], was: null, value: '10 s' }],
      stepDigest: sha256('step'),
      expected: { text: 'boot:' },
    },
  ],
  // A guest's words: in no normal form of Unicode, half a character, and what moves a cursor.
  failure: {
    code: 'provision/step-failed',
    message: 'A\u030a \ud800 \u001b[1m \n',
    step: 'boot',
    stepDigest: sha256('step'),
  },
  buildKey: sha256('key'),
  manifest: sha256('manifest'),
  image: ID,
  builder: { qemu: '7.2.22', accelerator: 'tcg' },
  normalise: ['machine-id', { path: '/etc/made', content: '[0-9]{8}', reason: 'a date' }],
  lockFile: sha256('lock.yaml'),
  attestation: {
    recipe,
    lock: sha256('lock'),
    normaliser: sha256('rules'),
    manifestFormat: 'portalgun-manifest/1',
    cpuModel: 'qemu64',
    recipeName: 'tiny',
    arch: 'x86_64',
    params: { size: 8, quick: true },
    manifest: sha256('manifest'),
    dependencies: [{ name: 'iso', digest: sha256('iso') }],
    builderId: 'urn:portalgun:builder:v1',
    environment: { qemu: '7.2.22' },
    startedOn: '2026-01-02T03:04:05.000Z',
    finishedOn: '2026-01-02T03:05:06.000Z',
  },
  conditions: { clock: '2026-01-02T03:04:05.000Z', hostName: 'here', cpus: 2 },
  again: 'tiny-20260101-030405',
  published: { attestation: sha256('record') },
};

describe('build.json', () => {
  const text = formatBuildJson(RECORD);

  it('reads as it was written', () => {
    assert.deepEqual(parseBuildJson(text, ID), RECORD);
  });

  it('one flipped bit is found and refused, in whichever field it is', () => {
    const intact = Buffer.from(text);
    for (let at = 0; at < intact.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(intact);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
        assert.equal(codeOf(flipped.toString()), 'build/damaged 3', `bit ${bit} at ${at}: ${around(flipped, at)}`);
      }
    }
  });

  it('one that was written without a digest reads, unless a field is missing, unknown or wrong', () => {
    const older = (fields: object): string => JSON.stringify({ ...RECORD, ...fields });
    assert.deepEqual(parseBuildJson(older({}), ID), RECORD);
    const required = ['version', 'id', 'recipeName', 'startedRecipe', 'finalRecipe', 'status', 'startedAt', 'tookMs'];
    for (const field of [...required, 'repairs']) {
      assert.equal(codeOf(older({ [field]: undefined })), 'build/damaged 3', field);
      assert.equal(codeOf(older({ [field]: true })), 'build/damaged 3', field);
    }
    assert.equal(codeOf(older({ imagf: ID })), 'build/damaged 3');
    for (const other of ['', '{', 'null', '[]', '1']) assert.equal(codeOf(other), 'build/damaged 3', other);
  });

  it('that of another build, or a newer portalgun’s, is not taken for one', () => {
    assert.equal(codeOf(formatBuildJson({ ...RECORD, id: `${ID}-2` })), 'build/damaged 3');
    const newer: object = { ...RECORD, version: 2, more: true };
    assert.equal(codeOf(formatBuildJson(newer as BuildRecord)), 'build/newer 5');
  });
});

function codeOf(text: string): string {
  try {
    parseBuildJson(text, ID);
  } catch (error) {
    if (error instanceof PortalgunError) return `${error.code} ${error.exitCode}`;
    throw error;
  }
  return 'nothing was found';
}

function around(bytes: Buffer, at: number): string {
  return JSON.stringify(bytes.toString('latin1', Math.max(0, at - 20), at + 20));
}
