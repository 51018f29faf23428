/** Records and a tool that is not ours: what it signs is verified here, and what is published here it verifies. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { authorIdOf } from '../../src/exchange/record/index.ts';
import { cli, errorOf, json, ROOT } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { skip } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

/** Debian's own, whatever else is called python3 on this machine. */
const PYTHON = '/usr/bin/python3';
const TOOL = path.join(ROOT, 'test/interop/dsse.py');

interface Envelope {
  payload: string;
  readonly payloadType: string;
  readonly signatures: [{ sig: string; readonly keyid: string }];
}

describe('DSSE and Debian’s python3-securesystemslib', function () {
  this.timeout(120_000);
  let test: TestHome;
  let author: string;

  before(async function () {
    if (spawnSync(PYTHON, ['-c', 'import securesystemslib, nacl']).status !== 0)
      skip(this, 'python3-securesystemslib and python3-nacl are not installed');
    test = await tempHome();
    ({ author } = await json(test, ['init']));
  });
  after(() => test?.remove());

  const key = (id: string): string => id.slice('ed25519:'.length);

  it('a record that is published here is verified there, and a changed one is not', async () => {
    const [{ record }] = await json(test, ['publish', GRUB_RECIPE, '--offline']);
    const file = path.join(test.folder, 'record.json');
    await json(test, ['why', record, '--proof', file]);
    const statement = JSON.parse(execFileSync(PYTHON, [TOOL, 'verify', file, key(author)], { encoding: 'utf8' }));
    assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
    assert.equal(statement.predicate.yaml, await readFile(GRUB_RECIPE, 'utf8'));
    assert.equal((await json(test, ['verify', file])).record, record);

    const envelope: Envelope = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify(mutated(envelope)));
    assert.notEqual(spawnSync(PYTHON, [TOOL, 'verify', file, key(author)]).status, 0);
    assert.equal((await errorOf(test, ['verify', file], 3)).code, 'record/refused');
  });

  it('threat 11: an envelope that was signed there is verified here, and a changed one is not', async () => {
    const seed = randomBytes(32);
    const id = authorIdOf(publicKeyOf(seed));
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: id, digest: { sha256: key(id) } }],
      predicateType: 'urn:somebody-else:statement:v1',
      predicate: { says: 'not understood, and signed all the same' },
      portalgun_feed: { network: 'portalgun', author: id, scope: 'public', recovery: 0, epoch: 0, seq: 1, prev: null },
    };
    const signed = execFileSync(PYTHON, [TOOL, 'sign', seed.toString('hex'), key(id)], {
      input: JSON.stringify(statement),
      encoding: 'utf8',
    });
    const file = path.join(test.folder, 'theirs.json');
    await writeFile(file, signed);
    const answer = await json(test, ['verify', file]);
    assert.deepEqual([answer.valid, answer.author, answer.understood], [true, id, false]);
    assert.equal(answer.predicateType, statement.predicateType);

    const envelope: Envelope = JSON.parse(signed);
    await writeFile(file, JSON.stringify(mutated(envelope)));
    const { code, stderr } = await cli(test, ['verify', file]);
    assert.equal(code, 3, stderr);
    // A signature that holds, of somebody else than the statement says.
    await writeFile(file, signed.replace(envelope.signatures[0].sig, await otherSignature(statement)));
    assert.equal((await errorOf(test, ['verify', file], 3)).facts.refused, 'bad-signature');
  });

  function otherSignature(statement: object): Promise<string> {
    const seed = randomBytes(32);
    const public_ = key(authorIdOf(publicKeyOf(seed)));
    const signed = execFileSync(PYTHON, [TOOL, 'sign', seed.toString('hex'), public_], {
      input: JSON.stringify(statement),
      encoding: 'utf8',
    });
    const envelope: Envelope = JSON.parse(signed);
    return Promise.resolve(envelope.signatures[0].sig);
  }
});

/** One bit of the payload is another one; it is still JSON. */
function mutated(envelope: Envelope): Envelope {
  const text = Buffer.from(envelope.payload, 'base64').toString().replace('"seq":', '"sEq":');
  return { ...envelope, payload: Buffer.from(text).toString('base64') };
}
