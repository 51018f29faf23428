/** All commands, their flags and their help. What a command does is in commands/, loaded when it runs. */
import { Command, CommanderError, Option } from 'commander';
import { contextFor, type Context, type Streams } from './context.ts';
import { reportFailure } from './failure.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- commander hands over what the specification beside it says
type Action = (context: Context, ...args: any[]) => Promise<number | undefined>;
type Flags = Record<string, unknown>;

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

  /** Adds one command: `spec` is commander's, `load` brings the function that does it. */
  const command = (parent: Command, spec: string, summary: string, load: () => Promise<Action>): Command =>
    parent
      .command(spec)
      .description(summary)
      .option('--json', 'print one JSON document (or one a line) instead of text')
      .option('--verbose', 'say more when something fails')
      .exitOverride()
      .action(async function (this: Command) {
        await run(this.opts(), load, [...this.processedArgs, this.opts()]);
      });

  command(
    program,
    'init',
    'make an identity, its recovery key (shown once), and a policy',
    async () => (await import('./commands/identity.ts')).init,
  ).option('--passphrase', 'lock the key with a passphrase');
  command(
    program,
    'id',
    'who am I: author id, PeerId, addresses',
    async () => (await import('./commands/identity.ts')).id,
  )
    .option('--invite', 'print an invitation for others to add')
    .option('--qr', 'with --invite: as a QR code too');
  const key = program.command('key').description('your key: changed, recovered, revoked, kept');
  const keys = () => import('./commands/key.ts');
  const OFFLINE = 'do not wait for a peer: nothing of my feed is anywhere else';
  command(key, 'show', 'which key signs your feed, and what is wrong with it', async () => (await keys()).show);
  command(key, 'rotate', 'go on under a new key', async () => (await keys()).rotate).option('--offline', OFFLINE);
  command(key, 'recover', 'take your feed back with the recovery key', async () => (await keys()).recover)
    .option('--author <id>', 'in a new home: whose feed')
    .option('--keep <record>', 'the last record to keep; what follows it is void (default: all that is here)')
    .option('--key-file <file>', 'read the recovery key from a file instead of the terminal')
    .option('--new-recovery-key', 'replace the recovery key too; it is shown before anything is signed')
    .option('--contest', 'against a recovery that somebody else has made with this key')
    .option('--offline', OFFLINE);
  command(key, 'revoke', 'end your feed: your key is not to be believed', async () => (await keys()).revoke)
    .requiredOption('--why <text>', 'the reason, for others to read')
    .option('--offline', OFFLINE);
  command(
    key,
    'passphrase',
    'lock the key with a passphrase, or with another one',
    async () => (await keys()).passphrase,
  ).option('--remove', 'let it lie open');
  command(key, 'backup <file>', 'keep a copy of your identity', async () => (await keys()).backup);
  command(key, 'restore <file>', 'put that copy into a new home', async () => (await keys()).restore);

  const recipe = program.command('recipe').description('recipes: checked, explained, pinned, shared');
  const recipes = () => import('./commands/recipe.ts');
  command(recipe, 'new <name>', 'start a recipe file', async () => (await recipes()).create);
  command(recipe, 'lint <file>', 'check a recipe; every problem with its line', async () => (await recipes()).lint);
  command(recipe, 'show <recipe>', 'explain a recipe in words', async () => (await recipes()).show);
  command(
    recipe,
    'resolve <recipe>',
    'the recipe with what it inherits and its parameters bound',
    async () => (await recipes()).resolve,
  ).option('--param <k=v>', 'bind a parameter; may be given again', together);
  command(recipe, 'diff <a> <b>', 'what changed between two recipes, step by step', async () => (await recipes()).diff);
  command(recipe, 'lock <file>', 'pin the exact media a recipe resolves to', async () => (await recipes()).lock).option(
    '--update',
    'move to what is offered now, and say what moved',
  );
  command(recipe, 'list', 'recipes that this node and its peers offer', async () => (await recipes()).list);
  command(
    recipe,
    'get <name>',
    'write a peer’s recipe (author/name) to a file',
    async () => (await recipes()).get,
  ).option('--out <file>', 'where to');
  command(
    recipe,
    'apply <patch> <file>',
    'write an accepted patch into my recipe file',
    async () => (await recipes()).apply,
  ).option('--with <patch...>', 'and these with it, merged');

  command(
    recipe,
    'record <file>',
    'drive a machine by hand, and get a recipe of it',
    async () => (await import('./commands/record.ts')).record,
  )
    .option('--iso-package <package:path>', 'boot this ISO, a file of a Debian package')
    .option('--iso <file>', 'boot this ISO, a file beside the recipe')
    .option('--kernel <package:path>', 'boot this kernel, a file of a Debian package')
    .option('--initrd <package:path>', 'with this initrd')
    .option('--kernel-args <text>', 'and this command line')
    .option('--memory <size>', 'of the machine', '512M')
    .option('--disk <id=size>', 'give it a disk; may be given again', together)
    .option('--from <recipe>', 'take media, machine and the first steps from this recipe file')
    .option('--param <k=v>', 'bind a parameter of it; may be given again', together);

  const importing = recipe.command('import').description('recipes from what other tools have');
  command(
    importing,
    'packer <source>',
    'a draft from a Packer template: a folder, or a file in HCL or JSON',
    async () => (await import('./commands/import.ts')).importTemplate,
  )
    .option('--out <file>', 'where to (default: NAME.yaml)')
    .option('--name <name>', 'what the recipe is called (default: as the builder is)')
    .option('--only <builder>', 'which builder, where there are several')
    .option('--var <k=v>', 'give a variable of the template a value; may be given again', together)
    .option('--var-file <file>', 'take values of variables from this file; may be given again', together);
  command(
    recipe,
    'harvest <file>',
    'run what waits blindly once, and write down what shows instead',
    async () => (await import('./commands/harvest.ts')).harvest,
  )
    .option('--out <file>', 'where to (default: the file itself)')
    .option('--param <k=v>', 'bind a parameter; may be given again', together)
    .option('--yes', 'do not ask whether the steps are right');

  const media = program.command('media').description('install media, verified');
  command(
    media,
    'fetch <recipe>',
    'fetch and verify the media of a recipe',
    async () => (await import('./commands/media.ts')).fetch,
  );
  command(
    media,
    'verify <recipe>',
    'verify again what is in the cache',
    async () => (await import('./commands/media.ts')).fetch,
  );

  command(
    media,
    'list',
    'what was fetched by its address and is here',
    async () => (await import('./commands/media.ts')).list,
  );
  const mediaKey = media.command('key').description('whose signatures on media count');
  const mediaKeys = () => import('./commands/media-key.ts');
  command(
    mediaKey,
    'add <file>',
    'let a key vouch for media, after its fingerprint was compared',
    async () => (await mediaKeys()).add,
  )
    .requiredOption('--name <name>', 'what recipes call it: signed_by')
    .addOption(new Option('--kind <kind>', 'of key').choices(['openpgp', 'signify', 'minisign']))
    .option('--fingerprint <hex>', 'what it must be; then nothing is asked');
  command(mediaKey, 'list', 'the keys that may vouch for media', async () => (await mediaKeys()).list);
  command(
    mediaKey,
    'remove <key>',
    'take back a key that was added, by name or fingerprint',
    async () => (await mediaKeys()).remove,
  );

  const needle = program.command('needle').description('pictures that recipes look for');
  command(
    needle,
    'import <file>',
    'check an openQA needle and put it into a recipe',
    async () => (await import('./commands/needle.ts')).importNeedles,
  )
    .option('--into <recipe>', 'the recipe file; without it, print what goes there')
    .option('--name <name>', 'what the recipe calls it (default: the file’s name)');

  const screen = program.command('screen').description('pictures of screens: what a build sees');
  command(
    screen,
    'read <files...>',
    'the text of pictures of consoles (PNG, PPM)',
    async () => (await import('./commands/screen.ts')).read,
  ).option('--font <file>', 'a font to read with beside the learned ones; may be given again', together);
  command(
    screen,
    'match <files...>',
    'where openQA needles match on pictures (PNG, PPM)',
    async () => (await import('./commands/screen.ts')).match,
  )
    .requiredOption('--needle <file>', 'a needle’s JSON, its PNG beside it; may be given again', together)
    .option('--search-ratio <number>', 'how far around: 0 the needle’s margin, 1 the whole screen (default 0.02)');

  command(
    program,
    'build <recipe>',
    'build an image from verified media',
    async () => (await import('./commands/build.ts')).build,
  )
    .option('--param <k=v>', 'bind a parameter; may be given again', together)
    .option('--secret <name=file>', 'read a secret parameter from a file; may be given again', together)
    .addOption(
      new Option('--repair <mode>', 'when a step fails: ask, only what policy allows, or nothing')
        .choices(['ask', 'auto', 'never'])
        .default('ask'),
    )
    .addOption(new Option('--fresh', 'do not resume from checkpoints').conflicts('from'))
    .option('--from <checkpoint>', 'begin there: the step it was made after, or its key')
    .option('--twice', 'then build it again under other conditions, and compare')
    .option('--watch', 'show the screen as text while it builds');
  const builds = program.command('builds').description('what was built, step by step');
  command(builds, 'list', 'builds of this home', async () => (await import('./commands/builds.ts')).list);
  command(
    builds,
    'show <id>',
    'one build: steps, times, repairs, failure',
    async () => (await import('./commands/builds.ts')).show,
  );
  command(
    builds,
    'log <id>',
    'the transcript, one JSON line an event',
    async () => (await import('./commands/builds.ts')).log,
  );
  const checkpoints = program.command('checkpoints').description('resumable states of builds');
  command(
    checkpoints,
    'list',
    'checkpoints with their sizes',
    async () => (await import('./commands/checkpoints.ts')).list,
  );
  command(checkpoints, 'tree', 'what grew from what', async () => (await import('./commands/checkpoints.ts')).tree);
  command(
    checkpoints,
    'prune',
    'delete checkpoints, oldest first',
    async () => (await import('./commands/checkpoints.ts')).prune,
  ).option('--to <size>', 'keep at most this much (for example 2G)', '0');

  const images = program.command('images').description('finished images');
  command(images, 'list', 'images of this home', async () => (await import('./commands/images.ts')).list);
  command(
    images,
    'show <image>',
    'what an image is made of',
    async () => (await import('./commands/images.ts')).show,
  ).option('--manifest', 'print the whole manifest');
  command(
    images,
    'hidden <image>',
    'what its normaliser rules keep out of a comparison',
    async () => (await import('./commands/images.ts')).hidden,
  );
  command(
    images,
    'verify <image>',
    'is it what it was: its files, what is kept of its build, what was signed',
    async () => (await import('./commands/images.ts')).verify,
  ).option('--measure', 'measure the disk again, too');
  command(
    images,
    'diff <a> <b>',
    'what differs, the step that last wrote it, and the probable cause',
    async () => (await import('./commands/images.ts')).diff,
  ).option('--no-cause', 'do not read the images for a cause');
  command(
    images,
    'export <image>',
    'write an image to a file, with its manifest and a signed attestation beside it',
    async () => (await import('./commands/export.ts')).exportCommand,
  )
    .addOption(
      new Option('--format <format>', 'the disk, or the files in it').choices(['raw', 'qcow2', 'tar']).default('qcow2'),
    )
    .option('--output <path>', 'a file, or a folder that is there', '.')
    .option('--force', 'replace what is there')
    .option('--no-attestation', 'sign nothing');
  command(
    program,
    'run <image>',
    'boot an image as an ephemeral VM, console in the terminal',
    async () => (await import('./commands/run.ts')).run,
  )
    .option('--keep', 'keep what the VM writes')
    .option('--forward <host:guest>', 'a port of this machine that leads into the VM; may be given again', together);

  command(
    program,
    'publish <what>',
    'publish a recipe file, or a build with what mended it',
    async () => (await import('./commands/publish.ts')).publish,
  )
    .option('--no-screens', 'do not show others what a mended step’s screen said')
    .option('--group <name>', 'a recipe file, to the members of this private group alone')
    .option('--offline', OFFLINE);
  command(
    program,
    'withdraw <record>',
    'take back what I published',
    async () => (await import('./commands/publish.ts')).withdraw,
  )
    .requiredOption('--why <text>', 'the reason, for others to read')
    .option('--offline', OFFLINE);
  const inbox = program.command('inbox').description('what peers sent that policy leaves to you');
  command(inbox, 'list', 'what waits for a decision', async () => (await import('./commands/inbox.ts')).list);
  command(
    inbox,
    'show <record>',
    'one patch, read like a review',
    async () => (await import('./commands/inbox.ts')).show,
  );
  command(inbox, 'accept <record>', 'builds here may use it', async () => (await import('./commands/inbox.ts')).accept);
  command(
    inbox,
    'reject <record>',
    'builds here never use it',
    async () => (await import('./commands/inbox.ts')).reject,
  );
  const peer = program.command('peer').description('people whose nodes you know');
  command(
    peer,
    'add <invitation>',
    'add a peer by invitation, author id or PeerId',
    async () => (await import('./commands/peer.ts')).add,
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
    async () => (await import('./commands/peer.ts')).list,
  );
  command(peer, 'show <peer>', 'one peer', async () => (await import('./commands/peer.ts')).show);
  command(
    peer,
    'choose <peer> <record>',
    'of two recoveries of their feed, the one that is theirs',
    async () => (await import('./commands/peer.ts')).choose,
  );
  command(peer, 'remove <peer>', 'forget a peer', async () => (await import('./commands/peer.ts')).remove);
  command(program, 'follow <peer>', 'carry a peer’s feed', async () => (await import('./commands/peer.ts')).follow);
  command(program, 'unfollow <peer>', 'stop carrying it', async () => (await import('./commands/peer.ts')).unfollow);
  const group = program.command('group').description('private groups, of which nobody else hears');
  command(
    group,
    'add <name>',
    'make a private group with peers, or join the one with that id',
    async () => (await import('./commands/group.ts')).add,
  )
    .requiredOption('--member <peer...>', 'who else is in it')
    .option('--scope <id>', 'its id, from who made it');
  command(group, 'list', 'private groups and their members', async () => (await import('./commands/group.ts')).list);
  const policy = program.command('policy').description('whom you trust for what');
  command(policy, 'show', 'the policy in force', async () => (await import('./commands/policy.ts')).show);
  command(
    policy,
    'check',
    'check the policy file; a problem with its line',
    async () => (await import('./commands/policy.ts')).check,
  );
  command(
    program,
    'why <what>',
    'explain a decision about a record or a recipe: who said what, which rule applied',
    async () => (await import('./commands/why.ts')).why,
  )
    .option('--proof <file>', 'write the signed record down, for verify and for other tools')
    .option('--keys <file>', 'write down which keys its author has had, for verify where the feed is not');
  command(
    program,
    'crosscheck <recipe>',
    'compare my build with my peers’ builds',
    async () => (await import('./commands/crosscheck.ts')).crosscheck,
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
    async () => (await import('./commands/verify.ts')).verify,
  ).option('--keys <file>', 'believe these key records, and nothing else about keys');

  const node = program.command('node').description('the node that speaks with peers');
  command(node, 'start', 'run the node until Ctrl-C', async () => (await import('./commands/node.ts')).start)
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
    async () => (await import('./commands/node.ts')).status,
  );
  command(node, 'stop', 'stop it', async () => (await import('./commands/node.ts')).stop);
  command(node, 'sync', 'catch up with peers now', async () => (await import('./commands/node.ts')).sync);

  command(
    program,
    'doctor',
    'what is missing on this machine, and the command that mends it',
    async () => (await import('./commands/doctor.ts')).doctor,
  );
  command(
    program,
    'demo',
    'the main job: two nodes build, break, heal by a patch, compare',
    async () => (await import('./demo/main.ts')).demo,
  )
    .option('--exit', 'end after the loop instead of keeping the node running')
    .option('--recipe <name>', 'which shipped recipe to show it with');
  return program;
}

export type { Flags };

/** An option that may be given more than once. A list after one flag would swallow the argument that follows it. */
function together(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
