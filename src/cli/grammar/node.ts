/** The node itself, and the machine that it is on. */
import { Option, type Command } from 'commander';
import type { AddCommand } from './adding.ts';

export function addNode(program: Command, command: AddCommand): void {
  const node = program.command('node').description('the node that speaks with peers');
  command(node, 'start', 'run the node until Ctrl-C', async () => (await import('../commands/node.ts')).start)
    .addOption(
      new Option('--role <role>', 'bootstrap: help others find and reach each other')
        .choices(['peer', 'bootstrap'])
        .default('peer'),
    )
    .option('--listen <multiaddr...>', 'where to listen');
  command(
    node,
    'status',
    'is it running, with whom, what was refused',
    async () => (await import('../commands/node.ts')).status,
  );
  command(node, 'stop', 'stop it', async () => (await import('../commands/node.ts')).stop);
  command(node, 'sync', 'catch up with peers now', async () => (await import('../commands/node.ts')).sync);

  command(
    program,
    'doctor',
    'what is missing on this machine, and the command that mends it',
    async () => (await import('../commands/doctor.ts')).doctor,
  );
  command(
    program,
    'demo',
    'the main job: two nodes build, break, heal by a patch, compare',
    async () => (await import('../demo/main.ts')).demo,
  )
    .option('--exit', 'end after the loop instead of keeping the node running')
    .option('--recipe <name>', 'which shipped recipe to show it with');
}
