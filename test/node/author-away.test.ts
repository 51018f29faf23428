/** What a peer offers is found and read although their node is off, by somebody who knows one bootstrap node and an author id. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { json, type Answer } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { eventually, startNode, type RunningNode } from '../support/node.ts';
import { withHomes, type TestHome } from '../support/temp-home.ts';

describe('a peer whose node is off', function () {
  this.timeout(180_000);
  const running: RunningNode[] = [];
  afterEach(async () => {
    for (const node of running.splice(0)) await node.stop();
  });

  it('is followed, and their recipes listed and fetched, through somebody who carries their feed', () =>
    withHomes(4, async (...homes) => {
      const [relay, alice, bob, carol] = homes as [TestHome, TestHome, TestHome, TestHome];
      const made: Answer[] = [];
      for (const home of homes) made.push(await json(home, ['init']));
      const start = async (home: TestHome, bootstrap: readonly string[], role?: 'bootstrap'): Promise<RunningNode> => {
        const lines = ['mdns: false', `bootstrap: ${JSON.stringify(bootstrap)}`];
        await writeFile(path.join(home.home.config, 'config.yaml'), `${lines.join('\n')}\n`);
        const node = await startNode(home, undefined, role);
        running.push(node);
        return node;
      };
      const entrance = (await start(relay, [], 'bootstrap')).addresses.slice(0, 1);
      const node = await start(alice, entrance);
      await json(alice, ['publish', GRUB_RECIPE]);
      await start(bob, entrance);
      await json(bob, ['peer', 'add', (await json(alice, ['id'])).invitation, '--name', 'alice']);
      await eventually(
        () => json(bob, ['recipe', 'list']),
        (recipes) => recipes.length === 1,
      );
      await node.stop();

      await start(carol, entrance);
      const added = await json(carol, ['peer', 'add', made[1].author, '--name', 'alice']);
      assert.equal(added.reached, 'no address known');
      // A feed gets into the DHT a moment after it has come; then one walk finds who carries it.
      const { found } = await eventually(
        () => json(carol, ['node', 'sync']),
        (sync) => sync.found.alice > 0,
      );
      assert.deepEqual(Object.keys(found), ['alice']);
      const [offered, ...more] = await json(carol, ['recipe', 'list']);
      assert.deepEqual([offered.recipe, offered.version, more.length], ['alice/grub-rescue', '1.0.0', 0]);
      const file = path.join(carol.folder, 'got.yaml');
      await json(carol, ['recipe', 'get', 'alice/grub-rescue', '--out', file]);
      assert.equal(await readFile(file, 'utf8'), await readFile(GRUB_RECIPE, 'utf8'));
      const { connected, records, fresh } = await json(carol, ['peer', 'show', 'alice']);
      assert.deepEqual([connected, records > 0, fresh], [false, true, true]);
    }));
});
