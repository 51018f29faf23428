/**
 * All short tests in two processes side by side: in one those that start a VM (`*.vm.test.ts`), one after another; in the
 * other all others, whose lines are shown when the first has ended. The failures of both are said once more where the output
 * ends, and the last line sums both.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { addTotals, readFailures, readTotals, totalsLine, type Totals } from './totals.ts';

const MOCHA = ['--reporter', './scripts/reporter.ts', '--exit', '--extension', 'ts', '--ignore', 'test/vm/**'];
const WITH_MACHINES = 'test/**/*.vm.test.ts';

interface Lane {
  readonly totals: Totals;
  readonly failed: boolean;
  readonly output: string;
}

// Ctrl-C reaches both, and each stops what it has started before it ends; a plain kill reaches nobody but this process.
process.on('SIGINT', () => undefined);
const ended = new AbortController();
process.once('SIGTERM', () => ended.abort());
const [machines, others] = await Promise.all([
  run([WITH_MACHINES], (text) => process.stdout.write(text)),
  run(['--ignore', WITH_MACHINES, 'test/**/*.test.ts'], () => undefined),
]);
process.stdout.write(others.output);
for (const { failed, output } of [machines, others]) if (failed) process.stdout.write(readFailures(output));
process.stdout.write(`${totalsLine(addTotals(machines.totals, others.totals))}\n`);
process.exitCode = machines.failed || others.failed ? 1 : 0;

/** A run that does not come to its closing line has failed as one test. */
async function run(tests: readonly string[], show: (text: string) => void): Promise<Lane> {
  const mocha = spawn('mocha', [...MOCHA, ...tests], { stdio: ['ignore', 'pipe', 'inherit'] });
  ended.signal.addEventListener('abort', () => mocha.kill('SIGTERM'));
  let output = '';
  mocha.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    show(text);
  });
  const [code] = (await once(mocha, 'close')) as [number | null];
  const totals = readTotals(output) ?? { passed: 0, failed: 1, skipped: 0 };
  return { totals, failed: code !== 0 || totals.failed > 0, output };
}
