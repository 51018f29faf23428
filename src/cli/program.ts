/** Runs a command line. Which commands and flags there are is in grammar/; what a command does in commands/, loaded when it runs. */
import { Command, CommanderError } from 'commander';
import { contextFor, type Streams } from './context.ts';
import { reportFailure } from './failure.ts';
import type { Action, AddCommand } from './grammar/adding.ts';
import { addBuilds } from './grammar/builds.ts';
import { addIdentity } from './grammar/identity.ts';
import { addMedia } from './grammar/media.ts';
import { addNode } from './grammar/node.ts';
import { addRecipes } from './grammar/recipes.ts';
import { addSharing } from './grammar/sharing.ts';

/** Runs one command line. Resolves with the exit code. */
export async function runCommandLine(argv: readonly string[], streams: Streams): Promise<number> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  let exitCode = 0;
  const program = makeProgram(streams, async (flags, load, args) => {
    const context = contextFor(streams, flags, controller.signal);
    try {
      const action = await load();
      exitCode = (await action(context, ...args)) ?? 0;
    } catch (error) {
      exitCode = reportFailure(context, error);
    }
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  return exitCode;
}

type Run = (
  flags: { json?: boolean; verbose?: boolean },
  load: () => Promise<Action>,
  args: unknown[],
) => Promise<void>;

function makeProgram(streams: Streams, run: Run): Command {
  const program = new Command('portalgun')
    .description('Build virtual machine images on your own machine, and share how, never what.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    .showSuggestionAfterError(true)
    .helpCommand(true);

  const command: AddCommand = (parent, spec, summary, load) =>
    parent
      .command(spec)
      .description(summary)
      .option('--json', 'print one JSON document (or one a line) instead of text')
      .option('--verbose', 'say more when something fails')
      .exitOverride()
      .action(async function (this: Command) {
        await run(this.opts(), load, [...this.processedArgs, this.opts()]);
      });

  // In the order in which help lists them.
  for (const add of [addIdentity, addRecipes, addMedia, addBuilds, addSharing, addNode]) add(program, command);
  return program;
}
