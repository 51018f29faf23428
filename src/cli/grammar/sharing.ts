/** What is said to peers and heard from them, and what of it counts. */
import { Option, type Command } from 'commander';
import { OFFLINE, type AddCommand } from './adding.ts';

export function addSharing(program: Command, command: AddCommand): void {
  command(
    program,
    'publish <what>',
    'publish a recipe file, or a build with what mended it',
    async () => (await import('../commands/publish.ts')).publish,
  )
    .option('--no-screens', 'do not show others what a mended step’s screen said')
    .option('--group <name>', 'a recipe file, to the members of this private group alone')
    .option('--offline', OFFLINE);
  command(
    program,
    'withdraw <record>',
    'take back what I published',
    async () => (await import('../commands/publish.ts')).withdraw,
  )
    .requiredOption('--why <text>', 'the reason, for others to read')
    .option('--offline', OFFLINE);
  const inbox = program.command('inbox').description('what peers sent that policy leaves to you');
  command(inbox, 'list', 'what waits for a decision', async () => (await import('../commands/inbox.ts')).list);
  command(
    inbox,
    'show <record>',
    'one patch, read like a review',
    async () => (await import('../commands/inbox.ts')).show,
  );
  command(
    inbox,
    'accept <record>',
    'builds here may use it',
    async () => (await import('../commands/inbox.ts')).accept,
  );
  command(
    inbox,
    'reject <record>',
    'builds here never use it',
    async () => (await import('../commands/inbox.ts')).reject,
  );
  const peer = program.command('peer').description('people whose nodes you know');
  command(
    peer,
    'add <invitation>',
    'add a peer by invitation, author id or PeerId',
    async () => (await import('../commands/peer.ts')).add,
  )
    .option('--name <name>', 'what you call them')
    .option('--address <multiaddr...>', 'where their node listens')
    .addOption(
      new Option('--auto <class...>', 'let their patches to their own recipes apply by themselves').choices([
        'wording',
        'choices',
      ]),
    );
  command(
    peer,
    'list',
    'peers, whether followed, and how fresh',
    async () => (await import('../commands/peer.ts')).list,
  );
  command(peer, 'show <peer>', 'one peer', async () => (await import('../commands/peer.ts')).show);
  command(
    peer,
    'choose <peer> <record>',
    'of two recoveries of their feed, the one that is theirs',
    async () => (await import('../commands/peer.ts')).choose,
  );
  command(peer, 'remove <peer>', 'forget a peer', async () => (await import('../commands/peer.ts')).remove);
  command(program, 'follow <peer>', 'carry a peer’s feed', async () => (await import('../commands/peer.ts')).follow);
  command(program, 'unfollow <peer>', 'stop carrying it', async () => (await import('../commands/peer.ts')).unfollow);
  const group = program.command('group').description('private groups, of which nobody else hears');
  command(
    group,
    'add <name>',
    'make a private group with peers, or join the one with that id',
    async () => (await import('../commands/group.ts')).add,
  )
    .requiredOption('--member <peer...>', 'who else is in it')
    .option('--scope <id>', 'its id, from who made it');
  command(group, 'list', 'private groups and their members', async () => (await import('../commands/group.ts')).list);
  const policy = program.command('policy').description('whom you trust for what');
  command(policy, 'show', 'the policy in force', async () => (await import('../commands/policy.ts')).show);
  command(
    policy,
    'check',
    'check the policy file; a problem with its line',
    async () => (await import('../commands/policy.ts')).check,
  );
  command(
    program,
    'why <what>',
    'explain a decision about a record or a recipe: who said what, which rule applied',
    async () => (await import('../commands/why.ts')).why,
  )
    .option('--proof <file>', 'write the signed record down, for verify and for other tools')
    .option('--keys <file>', 'write down which keys its author has had, for verify where the feed is not');
  command(
    program,
    'crosscheck <recipe>',
    'compare my build with my peers’ builds',
    async () => (await import('../commands/crosscheck.ts')).crosscheck,
  )
    .option('--peer <name>', 'only this peer')
    .option('--proof <file>', 'write down two signed builds that contradict each other')
    .addOption(
      // It takes minutes of both machines: once is enough.
      new Option('--challenge', 'let peers who signed the same show that they hold it').conflicts('watch'),
    )
    .option('--watch', 'go on, and say when something has changed');
  command(
    program,
    'verify <file>',
    'check a record’s signature and link offline',
    async () => (await import('../commands/verify.ts')).verify,
  ).option('--keys <file>', 'believe these key records, and nothing else about keys');
}
