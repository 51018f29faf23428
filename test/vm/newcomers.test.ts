/**
 * Two people who have read nothing but the README, on two machines: what it tells them to type is typed, in order, and
 * they see what it says they see.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { patternOf, transcriptsOf, type Command } from '../docs/printed.ts';
import { json, ROOT } from '../support/cli.ts';
import { GRUB_RECIPE, needBuilds } from '../support/grub.ts';
import { eventually } from '../support/node.ts';
import { needPrograms } from '../support/skip.ts';
import { withHomes } from '../support/temp-home.ts';
import { needDocker, startDocker, type Docker } from '../compose/docker.ts';
import { moveIn, type Answer, type Machine } from '../compose/people.ts';

const README = await readFile(path.join(ROOT, 'README.md'), 'utf8');
const COMMANDS = transcriptsOf(README).find(({ title }) => title === 'Share a first fix')?.commands ?? [];
/** From here on both build a whole Debian. */
const LONG = COMMANDS.findIndex(({ line }) => line.includes('debian-12'));

describe('two newcomers with the README', function () {
  this.timeout(3_600_000);
  let docker: Docker;
  let people: Map<string, Machine>;
  const invitations = new Map<string, string>();

  const at = (name: string): Machine => people.get(name) ?? assert.fail(`nobody is called ${name}`);

  /** What the page shows as typed in answer to a prompt. */
  const answersOf = ({ expected }: Command): Answer[] =>
    expected.flatMap((line) => {
      const [, prompt, answer] = /^(> |.*\[y\/N\] )(\S+)$/.exec(line) ?? [];
      return prompt === undefined || answer === undefined ? [] : [{ prompt, answer }];
    });

  async function follow(command: Command): Promise<void> {
    const { person, expected } = command;
    const other = [...people.keys()].find((name) => name !== person) ?? '';
    const line = command.line.replace('INVITATION', () => invitations.get(other) ?? assert.fail('none was printed'));
    const seen = await at(person).types(line, answersOf(command));
    const invitation = /^portalgun:.*$/m.exec(seen)?.[0];
    if (invitation !== undefined) invitations.set(person, invitation);
    if (expected.length > 0) assert.match(seen, patternOf(expected), `${person}$ ${line}\n${seen}`);
    // A person reads before they type on; the node answers by then.
    if (line.endsWith('&')) {
      await eventually(
        () => at(person).types('./portalgun node status --json'),
        (text) => text.includes('"running":true') || text.includes('"running": true'),
      );
    }
  }

  before(async function () {
    needDocker(this);
    needPrograms(this, 'script');
    await needBuilds(this);
    for (const recipe of [GRUB_RECIPE, path.join(ROOT, 'recipes/debian-12-tiny.yaml')]) {
      await withHomes(1, (home) => json(home, ['media', 'fetch', recipe]));
    }
    docker = await startDocker();
    people = await moveIn(docker, ['alice', 'bob']);
  });

  after(async () => {
    await docker?.stop();
  });

  it('share a first fix', async () => {
    assert.ok(LONG > 0);
    for (const command of COMMANDS.slice(0, LONG)) await follow(command);
  });

  it('compare an image that both have built', async () => {
    for (const command of COMMANDS.slice(LONG)) await follow(command);
  });

  it('are found where their invitations say, after the next start too', async () => {
    for (const name of people.keys()) {
      await at(name).types('./portalgun node stop');
      await eventually(
        () => at(name).types('./portalgun node status --json'),
        (text) => text.includes('"running":false') || text.includes('"running": false'),
      );
      assert.doesNotMatch(await at(name).types('./portalgun id --invite'), /address=/);
    }
    for (const name of people.keys()) await at(name).types('./portalgun node start &');
    for (const name of people.keys()) {
      const again = await eventually(
        () => at(name).types('./portalgun id --invite'),
        (text) => text.includes('address='),
      );
      assert.equal(again.trim(), invitations.get(name));
    }
  });
});
