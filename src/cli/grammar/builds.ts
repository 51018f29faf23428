/** Builds, their checkpoints, and the images that come of them. */
import { Option, type Command } from 'commander';
import { together, type AddCommand } from './adding.ts';

export function addBuilds(program: Command, command: AddCommand): void {
  command(
    program,
    'build <recipe>',
    'build an image from verified media',
    async () => (await import('../commands/build.ts')).build,
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
  command(builds, 'list', 'builds of this home', async () => (await import('../commands/builds.ts')).list);
  command(
    builds,
    'show <id>',
    'one build: steps, times, repairs, failure',
    async () => (await import('../commands/builds.ts')).show,
  );
  command(
    builds,
    'log <id>',
    'the transcript, one JSON line an event',
    async () => (await import('../commands/builds.ts')).log,
  );
  const checkpoints = program.command('checkpoints').description('resumable states of builds');
  command(
    checkpoints,
    'list',
    'checkpoints with their sizes',
    async () => (await import('../commands/checkpoints.ts')).list,
  );
  command(checkpoints, 'tree', 'what grew from what', async () => (await import('../commands/checkpoints.ts')).tree);
  command(
    checkpoints,
    'prune',
    'delete checkpoints, oldest first',
    async () => (await import('../commands/checkpoints.ts')).prune,
  ).option('--to <size>', 'keep at most this much (for example 2G)', '0');

  const images = program.command('images').description('finished images');
  command(images, 'list', 'images of this home', async () => (await import('../commands/images.ts')).list);
  command(
    images,
    'show <image>',
    'what an image is made of',
    async () => (await import('../commands/images.ts')).show,
  ).option('--manifest', 'print the whole manifest');
  command(
    images,
    'hidden <image>',
    'what its normaliser rules keep out of a comparison',
    async () => (await import('../commands/images.ts')).hidden,
  );
  command(
    images,
    'verify <image>',
    'is it what it was: its files, what is kept of its build, what was signed',
    async () => (await import('../commands/images.ts')).verify,
  ).option('--measure', 'measure the disk again, too');
  command(
    images,
    'diff <a> <b>',
    'what differs, the step that last wrote it, and the probable cause',
    async () => (await import('../commands/images.ts')).diff,
  ).option('--no-cause', 'do not read the images for a cause');
  command(
    images,
    'export <image>',
    'write an image to a file, with its manifest and a signed attestation beside it',
    async () => (await import('../commands/export.ts')).exportCommand,
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
    async () => (await import('../commands/run.ts')).run,
  )
    .option('--keep', 'keep what the VM writes')
    .option('--forward <host:guest>', 'a port of this machine that leads into the VM; may be given again', together);
}
