/** docs/when-things-go-wrong.md, played as it stands: real homes, real nodes, the commands and what they print. */
import assert from 'node:assert/strict';
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { patternOf, transcriptsOf } from './printed.ts';
import { shortDigest, type Digest } from '../../src/crypto/digest.ts';
import { patchDraft } from '../../src/exchange/record/index.ts';
import { openSession } from '../../src/node/session.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import { Peer } from '../node/peers-records.ts';
import { replace } from '../recipe/fixtures.ts';
import { cli, json, outcomeOf, ROOT } from '../support/cli.ts';
import { eventually, startNode, type RunningNode } from '../support/node.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { homeAt } from '../../src/node/home.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const PAGE = await readFile(path.join(ROOT, 'docs/when-things-go-wrong.md'), 'utf8');

/** Questions: what they see comes about by itself, a moment later. All else is done once. */
const ASKS = /^portalgun (?:peer show|node status|node sync|key show)/;

describe('docs/when-things-go-wrong.md', function () {
  this.timeout(300_000);
  const homes = new Map<string, TestHome>();
  const nodes = new Map<string, RunningNode>();
  const variables = new Map<string, string>();

  const person = (name: string): TestHome => homes.get(name) ?? assert.fail(`nobody is called ${name}`);

  async function run(name: string, line: string): Promise<string> {
    const home = person(name);
    if (line === 'portalgun node start &') {
      nodes.set(name, await startNode(home));
      return '';
    }
    const bin = path.join(path.dirname(home.folder), 'bin');
    const child = spawn('sh', ['-c', line], {
      cwd: home.folder,
      env: { ...home.environment, PATH: `${bin}:${home.environment['PATH']}`, ...Object.fromEntries(variables) },
    });
    child.stdin.end();
    const { stdout, stderr } = await outcomeOf(child);
    if (line === 'portalgun node stop') await nodes.get(name)?.ended();
    return stdout + stderr;
  }

  before(async () => {
    for (const name of ['alice', 'bob', 'carol', 'new', 'thief']) homes.set(name, await together(name));
    await json(person('carol'), ['init']);
    for (const name of ['alice', 'bob']) {
      const { author, recoveryKey } = await json(person(name), ['init']);
      variables.set(name.toUpperCase(), author);
      await writeFile(
        path.join(person(name).home.config, 'config.yaml'),
        'mdns: false\nlisten: [/ip4/127.0.0.1/tcp/0]\n',
      );
      if (name === 'alice') await writeFile(path.join(person(name).folder, 'paper'), `${recoveryKey}\n`);
      nodes.set(name, await startNode(person(name)));
    }
    const recipe = await readFile(GRUB_RECIPE, 'utf8');
    const words = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh'];
    for (const [index, word] of words.entries()) {
      const text = recipe.replace(/^version: .*$/m, `version: 1.0.${index + 1}`);
      for (const name of ['alice', 'new']) await writeFile(path.join(person(name).folder, `${word}.yaml`), text);
    }
    const invitation = async (name: string): Promise<string> => (await json(person(name), ['id'])).invitation;
    variables.set('BOB', await invitation('bob'));
    await json(person('bob'), ['peer', 'add', await invitation('alice'), '--name', 'alice']);
    await json(person('alice'), ['peer', 'add', await invitation('bob'), '--name', 'bob']);
    await json(person('alice'), ['publish', path.join(person('alice').folder, 'first.yaml')]);
  });
  after(async () => {
    for (const node of nodes.values()) await node.stop();
    await shared?.remove();
  });

  let shared: TestHome | undefined;
  /** Homes side by side, so that a file of one machine can be carried to another. */
  async function together(name: string): Promise<TestHome> {
    shared ??= await tempHome();
    const folder = path.join(shared.folder, name);
    const bin = path.join(shared.folder, 'bin');
    await mkdir(folder);
    await mkdir(bin, { recursive: true });
    await writeFile(path.join(bin, 'portalgun'), `#!/bin/sh\nexec ${path.join(ROOT, 'portalgun')} "$@"\n`, {
      mode: 0o755,
    });
    const environment = { ...shared.environment, PORTALGUN_HOME: path.join(folder, 'home') };
    return { folder, home: homeAt(environment), environment, remove: async () => undefined };
  }

  /** Two who have mended one step, each in another way: what a node of Bob's has got of their feeds. */
  async function contradict(bob: TestHome): Promise<void> {
    const peers = { CAROLS: new Peer(3), DAVES: new Peer(4) };
    await nodes.get('bob')?.stop();
    for (const [name, { id }] of Object.entries(peers)) {
      await json(bob, ['peer', 'add', id, '--name', name.slice(0, -1).toLowerCase()]);
    }
    const recipe = parseRecipe(await readFile(GRUB_RECIPE, 'utf8'));
    const session = await openSession(bob.home);
    try {
      await peers.CAROLS.recipe(session, recipe);
      const screen = (text: string): Promise<Digest> => session.store.blobs.put(Buffer.from(text));
      const before = await screen('Possible commands are:\n\ngrub>\n');
      for (const [name, peer] of Object.entries(peers)) {
        const text = name === 'CAROLS' ? 'possible commands' : 'Possible commands are';
        const operations = [replace(recipe, 'command-line', { expect: { text } })];
        const patch = patchDraft({
          recipeName: recipe.recipe.name,
          base: recipe.digest,
          result: applyOperations(recipe, operations).digest,
          operations,
          symptom: null,
          origin: 'human',
          summary: `GRUB lists its commands in other words: "${text}"`,
          verifiedBy: null,
          supersedes: null,
          evidence: { before },
        });
        variables.set(name, shortDigest(await peer.publish(session, patch)));
      }
    } finally {
      await session.close();
    }
  }

  const sections = transcriptsOf(PAGE);

  it('has a section for each thing that goes wrong', () => {
    const titles = sections.map(({ title }) => title);
    for (const word of [
      /backup/,
      /forked/,
      /stolen/,
      /copied my recovery key/,
      /lost my key/,
      /lost everything/,
      /went bad/,
      /contradict/,
    ]) {
      assert.ok(
        titles.some((title) => word.test(title)),
        String(word),
      );
    }
    assert.ok(sections.every(({ commands }) => commands.length > 0));
  });

  for (const { title, commands } of sections) {
    it(`threat 8 and threat 17: ${title}`, async () => {
      if (/contradict/.test(title)) await contradict(person('bob'));
      for (const { person: name, line, expected } of commands) {
        const pattern = patternOf(expected);
        const again = ASKS.test(line);
        const seen = again
          ? await eventually(
              () => run(name, line),
              (text) => pattern.test(text),
            )
          : await run(name, line);
        assert.match(seen, pattern, `${name}$ ${line}`);
        const shown = /New recovery key;[\s\S]*?\n {2}([0-9a-f-]{80})/.exec(seen)?.[1];
        const hers = /portalgun peer choose YOU ([0-9a-f]+)/.exec(seen)?.[1];
        if (hers !== undefined) variables.set('HERS', hers);
        const [invitation] = /^portalgun:\S+$/m.exec(seen) ?? [];
        if (invitation !== undefined) variables.set('INVITATION', invitation);
        if (shown !== undefined && name === 'alice')
          await writeFile(path.join(person('new').folder, 'new-paper'), shown);
      }
    });
  }

  it('leaves nobody frozen', async () => {
    const { stdout } = await cli(person('bob'), ['node', 'status']);
    assert.ok(!stdout.includes('FROZEN'), stdout);
  });
});
