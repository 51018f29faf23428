/** Peers who lie in a cross-check: what they say is not believed, costs little, is told, and hides nobody else's word. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { sha256 } from '../../src/crypto/digest.ts';
import { RefusedError } from '../../src/errors.ts';
import type { Exchange } from '../../src/exchange/p2p/types.ts';
import { attestationDraft } from '../../src/exchange/record/index.ts';
import { findBuild } from '../../src/node/build-records.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, type Session } from '../../src/node/session.ts';
import { formatManifest, type Manifest, type ManifestEntry } from '../../src/workshop/image/index.ts';
import { finishedBuild } from '../support/finished-build.ts';
import type { Answer } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { Peer } from './peers-records.ts';

const signal = new AbortController().signal;

function manifest(content: string): Manifest {
  const path = 'p1:/etc/hostname';
  const entry: ManifestEntry = {
    kind: 'file',
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: 3,
    sha256: sha256(content),
  };
  return formatManifest([entry], sha256('rules'));
}

describe('a peer that lies about its build', function () {
  this.timeout(30_000);
  let test: TestHome;
  let session: Session;
  let build: string;
  before(async () => {
    test = await tempHome();
    await openHome(test.home);
    await createIdentity(test.home);
    const [alice, mallory] = [new Peer(1), new Peer(2)];
    await writeFile(
      test.home.policyFile,
      `peers:\n  mallory: { id: "${mallory.id}" }\n  alice: { id: "${alice.id}" }\nrules: []\n`,
    );
    session = await openSession(test.home);
    build = await finishedBuild(test, manifest('mine'));
    const { attestation } = await findBuild(test.home, build);
    assert(attestation);
    await alice.publish(session, attestationDraft(attestation));
    await mallory.publish(session, attestationDraft({ ...attestation, manifest: manifest('theirs').digest }));
    await runOperation(session, 'manifest.keep', { build }, signal);
  });
  after(async () => {
    await session?.close();
    await test.remove();
  });

  /** With a network in which mallory answers so. */
  const crosscheck = async (answer: Exchange['compareList'], fetchBlob?: Exchange['fetchBlob']): Promise<Answer> => {
    const network = { sync: async () => 0, compareList: answer, fetchBlob } as unknown as Exchange;
    return runOperation({ ...session, exchange: network }, 'crosscheck', { build }, signal);
  };
  const told = ({ verdicts }: Answer) => verdicts.map((one: Answer) => [one.peer, one.verdict]);
  const both = [
    ['mallory', 'differs'],
    ['alice', 'match'],
  ];

  it('is told to have sent what it has not signed; no file is named, and the others are heard', async () => {
    const other = Buffer.from(manifest('something else').text.trimEnd().split('\n')[2] ?? '');
    const answer = await crosscheck(async () => ({ onlyHere: [2], onlyThere: [other] }));
    assert.deepEqual(told(answer), both);
    const [mallory] = answer.verdicts;
    assert.match(mallory.differencesUnknown, /mallory sent a manifest with digest .*, but signed/);
    assert.equal(mallory.differences, undefined);
  });

  it('is told to have sent what is no manifest', async () => {
    const answer = await crosscheck(async () => ({ onlyHere: [0, 1, 2], onlyThere: [Buffer.from('rm -rf /')] }));
    assert.deepEqual(told(answer), both);
    assert.match(answer.verdicts[0].differencesUnknown, /could not be compared/);
  });

  it('is told to claim more differences than there can be, without the whole list being believed instead', async () => {
    const answer = await crosscheck(
      async () => {
        throw new RefusedError('exchange/too-different', 'the lists differ in more than 20000 entries');
      },
      async () => Buffer.from(manifest('a third thing').text),
    );
    assert.deepEqual(told(answer), both);
    assert.match(answer.verdicts[0].differencesUnknown, /but signed/);
  });

  it('is believed where what it sends adds up to what it has signed', async () => {
    const line = Buffer.from(manifest('theirs').text.trimEnd().split('\n')[2] ?? '');
    const answer = await crosscheck(async () => ({ onlyHere: [2], onlyThere: [line] }));
    assert.deepEqual(
      answer.verdicts[0].differences.map(({ path, changes }: Answer) => [path, changes]),
      [['p1:/etc/hostname', ['content']]],
    );
  });
});
