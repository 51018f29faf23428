/** A build on what is another host, as far as one host can be two: one cpu instead of all, and another name. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { canSurround } from '../../src/workshop/machine/index.ts';
import { argvOf, outcomeOf, ROOT, type Answer } from './cli.ts';
import { firstCpu } from './first-cpu.ts';
import type { TestHome } from './temp-home.ts';

/** The name only as far as this user may give one. Resolves with the build's record. */
export async function buildElsewhere(
  { environment }: Pick<TestHome, 'environment'>,
  recipe: string,
  ...flags: readonly string[]
): Promise<Answer> {
  const can = await canSurround();
  const renamed = can.hostName ? ['unshare', '--uts', 'sh', '-c', 'hostname elsewhere && exec "$@"', 'sh'] : [];
  const pinned = can.cpu ? ['sh', '-c', `taskset -cp ${firstCpu()} $$ >/dev/null 2>&1; exec "$@"`, 'sh'] : [];
  const build = argvOf(['build', recipe, '--repair', 'never', ...flags, '--json']);
  const [program = '', ...args] = [...renamed, ...pinned, ...build];
  const { code, stdout, stderr } = await outcomeOf(
    spawn(program, args, { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  assert.equal(code, 0, stdout.slice(-4000) + stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '').build;
}
