/** Shipped recipes built twice, by `build --twice`, and what is known to differ then. */
import assert from 'node:assert/strict';
import { cli, json, type Answer } from './cli.ts';
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
  /** The event `twice`. */
  readonly compared: Answer;
  /** How long each of the two took. */
  readonly tookMs: readonly number[];
}

/** `args` are those of one build. */
export async function buildTwice(home: TestHome, args: readonly string[]): Promise<BuiltTwice> {
  const { code, stdout, stderr } = await cli(home, [...args, '--twice', '--json']);
  const told = stdout.split('\n').flatMap((line): Answer[] => (line === '' ? [] : [JSON.parse(line)]));
  const compared = told.at(-1);
  assert.equal(compared?.event, 'twice', `exit code ${code}\n${JSON.stringify(compared)}\n${stderr}`);
  assert.equal(code, compared.equal ? 0 : 4);
  const builds: Answer[] = await json(home, ['builds', 'list']);
  const tookMs = [compared.first, compared.second].map((wanted) => builds.find(({ id }) => id === wanted).tookMs);
  return { first: told.slice(0, told.findIndex(({ event }) => event === 'build') + 1), compared, tookMs };
}

/** A test of the suite that it is called in. */
export function itIsAlike(name: string, built: () => BuiltTwice): void {
  const known = DIFFERING.get(name) ?? assert.fail(`what differs in ${name} is not known`);
  it(`is ${known.length === 0 ? 'the same' : 'the same but for what is known to differ'}, built again on another host`, () => {
    const { compared, tookMs } = built();
    const differing: string[] = compared.differences.map(({ path }: Answer) => path);
    const seconds = tookMs.map((ms) => `${Math.round(ms / 1000)} s`).join(' and ');
    console.log(`      ${name}: ${seconds}; ${compared.equal ? 'match' : `differ in ${differing.join(', ')}`}`);
    for (const line of compared.varied) console.log(`        another was ${line}`);
    for (const line of compared.kept) console.log(`        kept was ${line}`);
    assert.deepEqual(differing, known);
  });
}
