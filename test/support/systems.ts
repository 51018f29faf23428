/** Systems that are built, booted by themselves and logged in to: what `npm test` does with one, and `npm run test:vm` with all. */
import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { cli, jsonLines, ROOT, type Answer } from './cli.ts';
import { runConsole } from './console.ts';
import { needBuilds } from './grub.ts';
import { describeNetinst } from './in-part.ts';
import { skip } from './skip.ts';
import { tempHome, type TestHome } from './temp-home.ts';
import { killedAfter } from './tiny-build.ts';
import { buildTwice, itIsAlike, type BuiltTwice } from './twice.ts';

export interface System {
  /** Of the recipe. */
  readonly name: string;
  /** What only this system answers, asked as root on its console: a shell word, and its value. */
  readonly proofs: readonly (readonly [word: string, value: string])[];
  /** Its build is killed after this step's checkpoint, and another process goes on from it. */
  readonly killedAfter?: string;
}

/** Built in some minutes each. */
export const FAST_SYSTEMS: readonly System[] = [
  { name: 'debian-12-tiny-i386', proofs: [['$(uname -m)', 'i686']] },
  {
    name: 'debian-12-tiny-uefi',
    proofs: [['$(ls -d /sys/firmware/efi)', '/sys/firmware/efi']],
    killedAfter: 'shell',
  },
];

/** Not every mirror has whole package lists for i386, and CI skips nothing: `npm run test:vm` builds that one. */
const IN_TURN: readonly { readonly name: string; readonly describe: () => void }[] = [
  ...FAST_SYSTEMS.filter(({ name }) => !name.endsWith('-i386')).map((system) => ({
    name: system.name,
    describe: () => describeSystem(system),
  })),
  { name: 'debian-12-netinst', describe: describeNetinst },
];

/** One suite of them a day, so that all are seen to, and a whole day's runs are about the same. */
export function systemOfTheDay(now: Date): (typeof IN_TURN)[number] {
  const day = Math.floor(now.getTime() / (24 * 60 * 60 * 1000));
  const system = IN_TURN[day % IN_TURN.length];
  assert.ok(system);
  return system;
}

const PASSWORD = 'Through-2-gates';

/** A suite: the system is built from its recipe as a newcomer would, then used; `twice`: and built again, and compared. */
export function describeSystem({ name, proofs, killedAfter: killed }: System, { twice = false } = {}): void {
  describe(`recipes/${name}.yaml`, function () {
    this.timeout(twice ? 0 : 1_800_000);
    let source: string;
    let home: TestHome | undefined;
    let events: readonly Answer[];
    let again: BuiltTwice | undefined;
    before(async function () {
      source = await readFile(path.join(ROOT, 'recipes', `${name}.yaml`), 'utf8');
      await needBuilds(this);
      home = await tempHome();
      const args = await prepared(this, home, name);
      const before = killed === undefined ? [] : await killedAfter(home, args, killed);
      if (twice) again = await buildTwice(home, args);
      const after = again?.first ?? (await jsonLines(home, args));
      if (killed !== undefined) assert.equal(after.find(({ event }) => event === 'resumed')?.step, killed);
      events = [...before, ...after];
    });
    after(() => home?.remove());
    const test = () => home ?? assert.fail('no home');
    const record = (): Answer => events.at(-1).build;

    it('passes lint without a finding', () => assert.deepEqual(lintRecipe(parseRecipe(source)), []));

    it('is built, every step seen to have worked', () => {
      const { steps, personalise = [] } = parseRecipe(source).recipe;
      const done = events.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
      assert.deepEqual(
        done,
        [...steps, ...personalise].map(({ id }) => id),
      );
      assert.equal(record().status, 'done');
      assert.match(record().manifest, /^sha256:/);
    });

    it('boots by itself, refuses a wrong password, lets root in with the right one, and is what it says', async () => {
      const terminal = runConsole(test(), record().image);
      await terminal.until('portal login:');
      for (const password of ['not-the-password', PASSWORD]) {
        terminal.send('root');
        await terminal.until('Password:');
        terminal.send(password);
        if (password === PASSWORD) break;
        await terminal.until('Login incorrect');
        await terminal.until('portal login:');
      }
      await terminal.until('# ');
      for (const [word, value] of proofs) {
        // What is typed holds no value, so what is read is the answer.
        terminal.send(`echo "answer<${word}>"`);
        await terminal.until(`answer<${value}>`);
      }
      assert.equal(await terminal.leave(), 0);
    });

    if (twice) itIsAlike(name, () => again ?? assert.fail('it was not built'));
  });
}

/** The arguments of its build. Skips, and says why, where the mirror that this machine reaches does not have what is needed. */
async function prepared(context: Mocha.Context, home: TestHome, name: string): Promise<readonly string[]> {
  const recipe = path.join(home.folder, `${name}.yaml`);
  await copyFile(path.join(ROOT, 'recipes', `${name}.yaml`), recipe);
  const password = path.join(home.folder, 'password');
  await writeFile(password, `${PASSWORD}\n`, { mode: 0o600 });
  const fetched = await cli(home, ['media', 'fetch', recipe, '--json']);
  if (fetched.code !== 0 && fetched.stdout.includes('media/lists-not-updated'))
    skip(context, `the mirror has no whole package lists for ${name}: ${fetched.stdout}`);
  return ['build', recipe, '--repair', 'never', '--secret', `root_password=${password}`];
}
