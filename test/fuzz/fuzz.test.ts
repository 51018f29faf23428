/** Twenty seconds of fuzzing for each group; `PORTALGUN_FUZZ_SECONDS` says otherwise, `npm run fuzz` goes on for longer. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { corpusOf } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const SECONDS = Number(process.env['PORTALGUN_FUZZ_SECONDS'] ?? 20);

/** In a process of its own: one that hangs is ended, and they do not wait for one another. */
async function run(group: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, '--keep', group], {
    env: { ...process.env, PORTALGUN_FUZZ_SECONDS: String(SECONDS), PORTALGUN_FUZZ_SEED: '20261127' },
    timeout: SECONDS * 1000 + 120_000,
  });
  return stdout;
}

describe('bytes from strangers', function () {
  this.timeout(SECONDS * 2000 + 180_000);
  const groups = [...new Set(TARGETS.map(({ group }) => group))];
  let running: ReadonlyMap<string, Promise<string>>;
  before(() => {
    running = new Map(
      groups.map((group) => {
        const result = run(group);
        result.catch(() => undefined); // awaited by its own test
        return [group, result];
      }),
    );
  });

  for (const group of groups) {
    it(`threat 16: are an answer or a refusal, never a crash or a hang: ${group}`, async () => {
      const said = (await running.get(group)) ?? '';
      for (const { name } of TARGETS.filter((target) => target.group === group)) {
        const inputs = Number(new RegExp(`^${name}: (\\d+) inputs`, 'm').exec(said)?.[1] ?? 0);
        assert.ok(inputs > 0, `${name} was not fuzzed: ${said}`);
      }
    });
  }

  for (const target of TARGETS) {
    it(`threat 16: are answered, and twice the same, for all that was ever kept: ${target.name}`, async () => {
      const corpus = corpusOf(target);
      assert.ok(corpus.length > 0, 'there is a corpus');
      for (const input of [...target.seeds, ...corpus]) assert.equal(await target.run(input), await target.run(input));
      await target.close?.();
    });
  }
});
