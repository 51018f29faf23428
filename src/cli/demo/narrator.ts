/** What the demo says while it runs: phases with their times, and what each of the two sees. */
import type { BuildEvent } from '../../workshop/provision/types.ts';
import type { Context } from '../context.ts';
import { paint, printLine, seconds } from '../output.ts';

export interface Narrator {
  phase<T>(title: string, work: () => Promise<T>): Promise<T>;
  say(line: string): void;
  /** A line of somebody's terminal. */
  quote(person: string, line: string): void;
  /** An event of somebody's build, where it is worth a line. */
  event(person: string, event: BuildEvent): void;
}

export function narrate(context: Context): Narrator {
  const line = (text: string): void => {
    if (!context.json) printLine(context, text);
  };
  const startedAtMs = performance.now();
  let number = 0;
  return {
    phase: async (title, work) => {
      number += 1;
      line('');
      line(paint(context, 'stdout', 'bold', `${number}. ${title}`));
      const beganAtMs = performance.now();
      const result = await work();
      const tookMs = Math.round(performance.now() - beganAtMs);
      if (context.json) printLine(context, JSON.stringify({ phase: title, tookMs }));
      line(
        paint(
          context,
          'stdout',
          'dim',
          `   took ${seconds(tookMs)}, ${seconds(performance.now() - startedAtMs)} in all`,
        ),
      );
      return result;
    },
    say: (text) => line(`   ${text}`),
    quote: (person, text) => line(`   ${paint(context, 'stdout', 'dim', `${person} |`)} ${text}`),
    event: (person, event) => {
      const text = describe(event);
      if (text !== undefined) line(`   ${paint(context, 'stdout', 'dim', `${person} |`)} ${text}`);
    },
  };
}

function describe(event: BuildEvent): string | undefined {
  switch (event.event) {
    case 'phase':
      return `${event.phase}…`;
    case 'step-done':
      return `✓ ${event.step} (${seconds(event.tookMs)})`;
    case 'step-failed':
      return `✗ ${event.step}: ${event.reason}`;
    case 'repair-asked':
      return `asking: ${event.source}`;
    case 'repair':
      return `repair from ${event.source}: ${event.summary}`;
    case 'rolled-back':
      return `rolled back to ${event.to ?? 'power-on'}`;
    case 'resumed':
      return `goes on after ${event.step}`;
    default:
      return undefined;
  }
}
