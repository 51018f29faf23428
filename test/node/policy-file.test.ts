/** The policy file is the person's own: read again when it changes, and never left half-written. */
import assert from 'node:assert/strict';
import { readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addPeer } from '../../src/exchange/trust/index.ts';
import { openPolicyFile } from '../../src/node/policy-file.ts';
import { author } from '../heal/patches.ts';
import { eventually, settle, startNode } from '../support/node.ts';
import { cli, json } from '../support/cli.ts';
import { tempHome, withHomes, type TestHome } from '../support/temp-home.ts';

const withAlice = `# mine\npeers: { alice: { id: "${author(1).id}" } }\n`;

describe('the policy file', function () {
  this.timeout(120_000);
  let test: TestHome;
  let file: string;
  beforeEach(async () => {
    test = await tempHome();
    file = path.join(test.folder, 'policy.yaml');
  });
  afterEach(() => test.remove());

  it('trusts nobody where it is absent', async () => {
    assert.deepEqual(Object.keys((await (await openPolicyFile(file)).current()).peers), []);
  });

  it('is read again when it was edited, replaced or removed', async () => {
    const policy = await openPolicyFile(file);
    await writeFile(file, withAlice);
    assert.deepEqual(Object.keys((await policy.current()).peers), ['alice']);
    await writeFile(file, withAlice.replace('alice', 'carol'));
    await utimes(file, new Date(), new Date(Date.now() + 1000)); // of the same length: the time tells
    assert.deepEqual(Object.keys((await policy.current()).peers), ['carol']);
    await rm(file);
    assert.deepEqual(Object.keys((await policy.current()).peers), []);
  });

  it('that is broken is named with its line, and the last good one stays in force', async () => {
    await writeFile(file, withAlice);
    const policy = await openPolicyFile(file);
    await writeFile(file, `${withAlice}rules: [nonsense]\n`);
    const kept = await policy.current();
    assert.deepEqual(Object.keys(kept.peers), ['alice']);
    assert.match(kept.broken ?? '', /policy\.yaml:3:9: rules\[0\]: expected a rule/);
    assert.equal(await policy.current(), kept, 'the same trouble is no news');
    assert.equal(policy.last(), kept);
    await writeFile(file, `${withAlice}rules: nonsense\n`);
    assert.match((await policy.current()).broken ?? '', /policy\.yaml:3:8: rules: expected a list of rules/);
    await writeFile(file, '');
    const mended = await policy.current();
    assert.deepEqual([Object.keys(mended.peers), mended.broken], [[], undefined]);
  });

  it('is in force again when the very file that was good is put back', async () => {
    await writeFile(file, withAlice);
    const policy = await openPolicyFile(file);
    await rename(file, `${file}.kept`);
    await writeFile(file, 'rules: nonsense\n');
    assert.match((await policy.current()).broken ?? '', /policy\.yaml:1:8/);
    await rename(`${file}.kept`, file);
    assert.equal((await policy.current()).broken, undefined);
    assert.deepEqual(Object.keys(policy.last().peers), ['alice']);
  });

  it('is read or refused where there was no good one before it', async () => {
    await writeFile(file, 'rules: nonsense\n');
    await assert.rejects(openPolicyFile(file), { code: 'policy/invalid', exitCode: 2, message: /policy\.yaml:1:8/ });
  });

  it('keeps comments when it is edited, and is not touched by an edit that would break it', async () => {
    await writeFile(file, withAlice);
    const policy = await openPolicyFile(file);
    await policy.edit((text) => addPeer(text, 'bob', { id: author(2).id, addresses: [] }));
    const edited = await readFile(file, 'utf8');
    assert.match(edited, /^# mine$/m);
    assert.deepEqual(Object.keys(policy.last().peers), ['alice', 'bob']);
    await assert.rejects(
      policy.edit((text) => `${text}rules: [nonsense]\n`),
      { code: 'policy/invalid' },
    );
    assert.equal(await readFile(file, 'utf8'), edited);
  });

  it('is picked up by a running node; a broken one leaves the last good one in force', () =>
    withHomes(1, async (home) => {
      await settle(home);
      const node = await startNode(home);
      try {
        await writeFile(home.home.policyFile, withAlice);
        const carries = async (): Promise<number> => (await json(home, ['node', 'status'])).carries;
        await eventually(carries, (count) => count === 2);
        await writeFile(home.home.policyFile, 'peers: [\n');
        const broken = await eventually(
          () => cli(home, ['node', 'status']),
          ({ stdout }) => stdout.includes('ALERT'),
        );
        assert.match(
          broken.stdout,
          /^ALERT {4}.*policy\.yaml:2:1: .*nothing is automatic \(portalgun policy check\)$/m,
        );
        assert.equal(await carries(), 2);
        assert.equal((await cli(home, ['policy', 'check'])).code, 2);
        await writeFile(home.home.policyFile, '');
        await eventually(carries, (count) => count === 1);
        assert.ok(!(await cli(home, ['node', 'status'])).stdout.includes('ALERT'));
      } finally {
        await node.stop();
      }
    }));
});
