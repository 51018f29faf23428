/** Shipped recipes built twice, and what is known to differ then. */
import assert from 'node:assert/strict';
import { cli, json, jsonLines, type Answer } from './cli.ts';
import { buildElsewhere, copyRecipe } from './elsewhere.ts';
import { befriend, type RunningNode } from './node.ts';
import type { TestHome } from './temp-home.ts';

/**
 * The entries in which two builds of a shipped recipe differ; none: they match. Every recipe that can be built to its end
 * and makes an image is here, and docs/systems.md says the same.
 */
export const DIFFERING: ReadonlyMap<string, readonly string[]> = new Map([
  ['debian-12-tiny', []],
  ['debian-12-tiny-i386', []],
  ['debian-12-tiny-uefi', []],
  ['debian-12-minimal', []],
  ['debian-12-minimal-web', []],
]);

export interface BuiltTwice {
  /** What the first build told; its record is in the last one. */
  readonly first: readonly Answer[];
  /** Paths of the entries in which they differ. */
  readonly differing: readonly string[];
  /** What was another the second time, and what was not: lines for people. */
  readonly conditions: readonly string[];
  /** How long each of the two took. */
  readonly tookMs: readonly number[];
}

/** By `build --twice`. `args` are those of one build. */
export async function buildTwice(home: TestHome, args: readonly string[]): Promise<BuiltTwice> {
  const { code, stdout, stderr } = await cli(home, [...args, '--twice', '--json']);
  const told = stdout.split('\n').flatMap((line): Answer[] => (line === '' ? [] : [JSON.parse(line)]));
  const compared = told.at(-1);
  assert.equal(compared?.event, 'twice', `exit code ${code}\n${JSON.stringify(compared)}\n${stderr}`);
  assert.equal(code, compared.equal ? 0 : 4);
  const builds: Answer[] = await json(home, ['builds', 'list']);
  return {
    first: told.slice(0, told.findIndex(({ event }) => event === 'build') + 1),
    differing: namesOf(compared.differences),
    conditions: [
      ...compared.varied.map((line: string) => `another was ${line}`),
      ...compared.kept.map((line: string) => `kept was ${line}`),
    ],
    tookMs: [compared.first, compared.second].map((wanted) => builds.find(({ id }) => id === wanted).tookMs),
  };
}

/**
 * By two people, the second on what is another host and from the first one's lock; their nodes compare what they have signed.
 * `recipe` is the first one's copy, `flags` those of either build.
 */
export async function buildByTwo(
  { alice, bob }: Readonly<Record<'alice' | 'bob', TestHome>>,
  recipe: string,
  flags: readonly string[],
): Promise<BuiltTwice> {
  const first = await jsonLines(alice, ['build', recipe, '--repair', 'never', ...flags]);
  const [mine, theirs]: Answer[] = [
    first.at(-1).build,
    await buildElsewhere(bob, await copyRecipe(bob, recipe, recipe), ...flags),
  ];
  assert.equal(theirs.buildKey, mine.buildKey);
  const nodes: RunningNode[] = [];
  try {
    await befriend({ alice, bob }, nodes);
    await json(alice, ['publish', mine.id]);
    await json(bob, ['publish', theirs.id]);
    await json(alice, ['node', 'sync']);
    const { code, stdout, stderr } = await cli(alice, ['crosscheck', mine.recipeName, '--json']);
    const [verdict] = code === 0 || code === 4 ? JSON.parse(stdout).verdicts : [];
    assert.ok(['match', 'differs'].includes(verdict?.verdict), `exit code ${code}\n${stdout}${stderr}`);
    return {
      first,
      differing: verdict.verdict === 'match' ? [] : namesOf(verdict.differences ?? assert.fail(stdout)),
      conditions: [mine, theirs].map(({ conditions }) => JSON.stringify(conditions)),
      tookMs: [mine.tookMs, theirs.tookMs],
    };
  } finally {
    for (const node of nodes) await node.stop();
  }
}

const namesOf = (differences: readonly Answer[]): string[] => differences.map(({ path }) => path);

/** A test of the suite that it is called in. */
export function itIsAlike(name: string, built: () => BuiltTwice): void {
  const known = DIFFERING.get(name) ?? assert.fail(`what differs in ${name} is not known`);
  it(`is ${known.length === 0 ? 'the same' : 'the same but for what is known to differ'}, built again on another host`, () => {
    const { differing, conditions, tookMs } = built();
    const seconds = tookMs.map((ms) => `${Math.round(ms / 1000)} s`).join(' and ');
    console.log(`      ${name}: ${seconds}; ${differing.length === 0 ? 'match' : `differ in ${differing.join(', ')}`}`);
    for (const line of conditions) console.log(`        ${line}`);
    assert.deepEqual(differing, known);
  });
}
