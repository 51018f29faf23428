/** A build on paper with a stale step, mended by whoever sits at standard input: started by the test, under a pty. */
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Step } from '../../../src/recipe/types.ts';
import { createTerminalRepair, type Fix } from '../../../src/cli/repair/index.ts';
import { changingStep } from '../../../src/workshop/provision/suggest.ts';
import type { RepairRequest } from '../../../src/workshop/provision/types.ts';
import { PortalgunError } from '../../../src/errors.ts';
import { paper, recipe } from '../../workshop/provision/paper-run.ts';

const page = (id: string, when: string, expect: string): Step => ({
  id,
  when: { text: when },
  do: [{ key: 'enter' }],
  expect: { text: expect },
  checkpoint: true,
});

/** A peer's fix, which comes when the file named by `FIX` does. */
async function* fixes({ resolved, step }: RepairRequest, signal: AbortSignal): AsyncGenerator<Fix> {
  const file = process.env['FIX'];
  if (file === undefined) return;
  while (!existsSync(file)) await setTimeout(20, undefined, { signal });
  const operations = changingStep(resolved, step, { ...step, expect: { text: 'Select your location' } });
  const answer = { kind: 'patch', operations, origin: 'trusted-patch', summary: 'a fix of a peer' } as const;
  yield { answer, lines: ['A patch by somebody may cure it\u001b[2J'] };
}

const screens = ['Choose the language', 'Select your location', 'All done'];
const bench = paper({
  start: 0,
  draw: (at) => [screens[at] ?? '', '', '  <Go Back>'],
  key: (at, key) => (key === 'enter' ? at + 1 : at),
});
try {
  const steps = [
    page('language', 'Choose the language', 'Choose your location'),
    page('location', 'Select', 'All done'),
  ];
  const { final, repairs, end } = await bench.run(recipe(steps, { defaults: { timeout: '200ms', retries: 0 } }), {
    sources: [createTerminalRepair({ input: process.stdin, output: process.stdout, environment: process.env, fixes })],
  });
  await end();
  const expects = final.recipe.steps.map((step) => step.expect);
  console.log(
    `RESULT ${JSON.stringify({ expects, repairs: repairs.map(({ origin, summary }) => ({ origin, summary })) })}`,
  );
} catch (error) {
  if (!(error instanceof PortalgunError)) throw error;
  console.log(`RESULT ${error.exitCode} ${error.message}`);
} finally {
  bench.remove();
  process.stdin.destroy();
}
