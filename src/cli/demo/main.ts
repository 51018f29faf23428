/**
 * The main job, for a newcomer to watch: two homes, two nodes, two virtual machines; a recipe that a changed world broke,
 * mended by one person and healed for the other by a signed patch. Everything runs through the ordinary command line.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { FailedError, UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { moveIn, type Household } from './household.ts';
import { narrate, type Narrator } from './narrator.ts';
import { atTerminal, editorThatExpects, type Answer } from './person.ts';
import { STAGED, withOlderWording, type StaleRecipe } from './staged.ts';

export interface DemoFlags {
  readonly exit?: boolean;
  readonly recipe?: string;
}

const RECIPES = path.resolve(import.meta.dirname, '../../../recipes');
const DEFAULT_RECIPE = 'debian-12-tiny';

export async function demo(context: Context, flags: DemoFlags): Promise<undefined> {
  const name = flags.recipe ?? DEFAULT_RECIPE;
  if (!Object.hasOwn(STAGED, name)) {
    throw new UsageError('demo/unknown-recipe', `the demo has nothing to show with ${name}`, {
      hint: `Use one of: ${Object.keys(STAGED).join(', ')}`,
    });
  }
  const folder = await mkdtemp(path.join(await demoFolder(context), 'demo-'));
  const narrator = narrate(context);
  const household = (person: string): Promise<Household> =>
    moveIn({
      name: person,
      folder,
      cacheDir: context.home.cacheDir,
      environment: context.environment,
      signal: context.signal,
    });
  const alice = await household('alice');
  const bob = await household('bob');
  try {
    const recipe = withOlderWording(await readFile(path.join(RECIPES, `${name}.yaml`), 'utf8'), name);
    await mainJob({ context, narrator, alice, bob, name, folder, recipe });
    if (!flags.exit) await stayUp(context, narrator, alice);
  } catch (error) {
    narrator.say(`Both homes are kept, to see what happened: ${folder}`);
    throw error;
  } finally {
    await Promise.all([alice.stop(), bob.stop()]);
  }
  if (flags.exit) await rm(folder, { recursive: true, force: true });
  return undefined;
}

interface Scene {
  readonly context: Context;
  readonly narrator: Narrator;
  readonly alice: Household;
  readonly bob: Household;
  readonly name: string;
  readonly folder: string;
  readonly recipe: StaleRecipe;
}

async function mainJob(scene: Scene): Promise<void> {
  const { narrator, alice, bob } = scene;
  await narrator.phase('Two people, Alice and Bob, each with a home, an identity and a node', async () => {
    await introduce(scene);
  });
  const files = await narrator.phase('Alice publishes her recipe; Bob gets it from her', () => shareRecipe(scene));
  const aliceBuild = await narrator.phase('Alice builds. The world has changed: a step fails, and she mends it', () =>
    aliceMends(scene, files.alice),
  );
  await narrator.phase('Alice publishes: her build, and the mended step as a signed patch', async () => {
    await publish(scene, alice, aliceBuild);
  });
  const bobBuild = await narrator.phase('Bob builds the same recipe. Nobody sits at his machine', () =>
    bobIsHealed(scene, files.bob),
  );
  await narrator.phase('Bob publishes what he built, and that Alice’s patch works on his machine', async () => {
    await publish(scene, bob, bobBuild);
  });
  await compare(scene);
}

interface Published {
  readonly what: string;
  readonly record: string;
}

async function publish({ narrator }: Scene, person: Household, build: string): Promise<void> {
  for (const { what, record } of await person.run<Published[]>(['publish', build])) narrator.say(`${what}: ${record}`);
  await placed(person);
}

/** On a busy machine the other's node may take long to say how far it has this feed; until then what is published waits. */
async function placed(person: Household): Promise<void> {
  while ((await person.run<{ outbox: number }>(['node', 'status'])).outbox > 0) await person.run(['node', 'sync']);
}

async function introduce({ narrator, alice, bob }: Scene): Promise<void> {
  for (const person of [alice, bob]) {
    const { author } = await person.run<{ author: string }>(['init']);
    await person.startNode();
    narrator.say(`${person.name} is ${author}`);
  }
  const invitation = async (person: Household): Promise<string> =>
    (await person.run<{ invitation: string }>(['id', '--invite'])).invitation;
  await alice.run(['peer', 'add', await invitation(bob), '--name', 'bob']);
  await bob.run(['peer', 'add', await invitation(alice), '--name', 'alice', '--auto', 'wording']);
  narrator.say('They trade invitations. Bob’s policy: Alice’s rewordings of her own recipes may apply by themselves.');
}

async function shareRecipe({
  narrator,
  alice,
  bob,
  name,
  folder,
  recipe,
}: Scene): Promise<{ alice: string; bob: string }> {
  const { yaml, change, presentText } = recipe;
  const origin = change.quotedFrom ?? 'this is staged: the older wording is made up for the demo';
  narrator.say(`Her recipe waits for “${change.olderText}” at step ${change.step} (${origin}).`);
  narrator.say(`Today’s media never say that; “${presentText}” is what can be waited for.`);
  const files = { alice: path.join(folder, 'alice', `${name}.yaml`), bob: path.join(folder, 'bob', `${name}.yaml`) };
  await writeFile(files.alice, yaml);
  await alice.run(['publish', files.alice]);
  await placed(alice);
  await bob.run(['node', 'sync']);
  await bob.run(['recipe', 'get', `alice/${name}`, '--out', files.bob]);
  return files;
}

const REPAIR_PROMPT = /(^|\n)> $/;

/** The script plays Alice at a terminal: she opens the step in her editor and writes today's words into it. */
async function aliceMends({ context, narrator, alice, recipe }: Scene, file: string): Promise<string> {
  const answers: Answer[] = [
    {
      prompt: REPAIR_PROMPT,
      answer: 'e',
      because: `she edits the step in her editor: it shall expect “${recipe.presentText}”`,
    },
    { prompt: /Publish .*\[y\/N\] $/, answer: 'n', because: 'she publishes below, with the build' },
  ];
  await atTerminal(alice.argv('build', file, ...(await secretFlags(alice, recipe))), answers, {
    environment: { ...alice.environment, EDITOR: editorThatExpects(recipe.presentText) },
    signal: context.signal,
    onLine: (line) => narrator.quote('alice', line),
    onAnswer: ({ answer, because }) => narrator.say(`(playing Alice: she types ${answer}; ${because})`),
    unforeseen: { prompt: REPAIR_PROMPT, answer: 'a', because: 'the script knows no other mend: she ends it' },
  });
  const build = await latest(alice);
  if (build.repairs.length === 0)
    throw new FailedError('demo/not-broken', 'the build passed without a repair: nothing was shown');
  return build.id;
}

/** Each person's own secrets, in files that only they can read: what `personalise` sets is not compared. */
async function secretFlags(person: Household, recipe: StaleRecipe): Promise<string[]> {
  const flags: string[] = [];
  for (const name of recipe.secrets) {
    const file = path.join(person.homeDir, `${name}.secret`);
    await writeFile(file, `${secretOf(person)}\n`, { mode: 0o600 });
    flags.push('--secret', `${name}=${file}`);
  }
  return flags;
}

function secretOf(person: Household): string {
  return `${person.name}-secret`;
}

async function bobIsHealed({ narrator, bob, recipe }: Scene, file: string): Promise<string> {
  let healed = false;
  await bob.stream(['build', file, '--repair', 'auto', ...(await secretFlags(bob, recipe))], (event) => {
    narrator.event('bob', event);
    if (event.event === 'repair' && event.patch !== undefined) healed = true;
  });
  if (!healed) throw new FailedError('demo/not-healed', 'Bob’s build passed without Alice’s patch: nothing was shown');
  return (await latest(bob)).id;
}

async function compare({ narrator, alice, bob, name }: Scene): Promise<void> {
  const build = await latest(bob);
  if (build.manifest === undefined) {
    narrator.say(`${name} makes no image, so there is nothing to compare: its checks are its outcome.`);
    return;
  }
  await narrator.phase('Cross-check: did both get the same?', async () => {
    for (const [person, peer] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const) {
      await person.run(['node', 'sync']);
      const answer = await person.run<Crosscheck>(['crosscheck', name], [0, 4]);
      const verdict = answer.verdicts.find((one) => one.peer === peer);
      narrator.say(`${person.name} about ${peer}: ${verdict?.verdict ?? 'nothing'} (${verdict?.because ?? ''})`);
      if (verdict?.verdict !== 'match')
        throw new FailedError('demo/differs', `the builds of alice and bob differ: ${JSON.stringify(answer)}`);
    }
    narrator.say(`manifest ${build.manifest}`);
  });
}

interface Crosscheck {
  readonly verdicts: readonly { readonly peer: string; readonly verdict: string; readonly because: string }[];
}

interface Build {
  readonly id: string;
  readonly repairs: readonly unknown[];
  readonly manifest?: string;
  readonly image?: string;
}

async function latest(person: Household): Promise<Build> {
  const builds = await person.run<Build[]>(['builds', 'list']);
  const build = builds.at(-1);
  if (!build) throw new UsageError('demo/no-build', `${person.name} has built nothing`);
  return build;
}

async function stayUp(context: Context, narrator: Narrator, alice: Household): Promise<void> {
  const build = await latest(alice);
  if (build.image !== undefined) {
    narrator.say(`Boot the image that Alice built (root’s password is “${secretOf(alice)}”; Ctrl-] leaves):`);
    narrator.say(`  PORTALGUN_HOME=${alice.homeDir} ./portalgun run ${build.image}`);
  }
  narrator.say('Both nodes keep running. Ctrl-C ends them; the homes stay in the folder above.');
  if (context.signal.aborted) return;
  await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function demoFolder(context: Context): Promise<string> {
  const folder = context.environment['PORTALGUN_HOME'] ? context.home.data : path.join(os.tmpdir(), 'portalgun-demo');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
