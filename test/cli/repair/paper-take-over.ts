/** A build on paper whose guest asks what the recipe does not know: driven by whoever sits at standard input. */
import { createTerminalRepair } from '../../../src/cli/repair/index.ts';
import { PortalgunError } from '../../../src/errors.ts';
import type { Step } from '../../../src/recipe/types.ts';
import type { Program } from '../../workshop/provision/paper-machine.ts';
import { paper, recipe } from '../../workshop/provision/paper-run.ts';

interface Guest {
  readonly page: 'language' | 'licence' | 'password' | 'location' | 'done';
  readonly typed: string;
}

const NEXT = {
  language: 'licence',
  licence: 'password',
  password: 'location',
  location: 'done',
  done: 'done',
} as const;

const SCREENS: Readonly<Record<Guest['page'], (typed: string) => readonly string[]>> = {
  language: () => ['Choose the language'],
  licence: (typed) => ['A licence has to be accepted', `Do you accept it? ${typed}`],
  password: () => ['A user has to be made', 'Password of the user:'],
  location: () => ['Select your location', '', '  <Go Back>'],
  done: () => ['All done'],
};

const guest: Program<Guest> = {
  start: { page: 'language', typed: '' },
  draw: ({ page, typed }) => SCREENS[page](typed),
  key({ page, typed }, key) {
    if (key === 'backspace') return { page, typed: typed.slice(0, -1) };
    if (key !== 'enter') return { page, typed: typed + key };
    if (page === 'licence' && typed !== 'yes') return { page, typed: '' };
    return { page: NEXT[page], typed: '' };
  },
};

const steps: readonly Step[] = [
  {
    id: 'language',
    when: { text: 'Choose the language' },
    do: [{ key: 'enter' }],
    expect: { text: 'Select your location' },
    checkpoint: true,
  },
  { id: 'location', when: { text: 'Select your' }, do: [{ key: 'enter' }], expect: { text: 'All done' } },
];

const bench = paper(guest);
try {
  const { final, repairs, end } = await bench.run(recipe(steps, { defaults: { timeout: '200ms', retries: 0 } }), {
    sources: [createTerminalRepair({ input: process.stdin, output: process.stdout, environment: process.env })],
  });
  await end();
  const summary = repairs.map(({ origin, summary }) => ({ origin, summary }));
  const pressed = bench.machines.at(-1)?.pressed;
  console.log(
    `RESULT ${JSON.stringify({ steps: final.recipe.steps, repairs: summary, pressed, events: bench.events })}`,
  );
} catch (error) {
  if (!(error instanceof PortalgunError)) throw error;
  console.log(`RESULT ${error.exitCode} ${error.message}`);
} finally {
  bench.remove();
  process.stdin.destroy();
}
