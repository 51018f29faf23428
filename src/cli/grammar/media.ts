/** What a build starts from and looks at: media and whose word counts for them, needles, screens. */
import { Option, type Command } from 'commander';
import { together, type AddCommand } from './adding.ts';

export function addMedia(program: Command, command: AddCommand): void {
  const media = program.command('media').description('install media, verified');
  command(
    media,
    'fetch <recipe>',
    'fetch and verify the media of a recipe',
    async () => (await import('../commands/media.ts')).fetch,
  );
  command(
    media,
    'verify <recipe>',
    'verify again what is in the cache',
    async () => (await import('../commands/media.ts')).fetch,
  );

  command(
    media,
    'list',
    'what was fetched by its address and is here',
    async () => (await import('../commands/media.ts')).list,
  );
  const mediaKey = media.command('key').description('whose signatures on media count');
  const mediaKeys = () => import('../commands/media-key.ts');
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
    async () => (await import('../commands/needle.ts')).importNeedles,
  )
    .option('--into <recipe>', 'the recipe file; without it, print what goes there')
    .option('--name <name>', 'what the recipe calls it (default: the file’s name)');

  const screen = program.command('screen').description('pictures of screens: what a build sees');
  command(
    screen,
    'read <files...>',
    'the text of pictures of consoles (PNG, PPM)',
    async () => (await import('../commands/screen.ts')).read,
  ).option('--font <file>', 'a font to read with beside the learned ones; may be given again', together);
  command(
    screen,
    'match <files...>',
    'where openQA needles match on pictures (PNG, PPM)',
    async () => (await import('../commands/screen.ts')).match,
  )
    .requiredOption('--needle <file>', 'a needle’s JSON, its PNG beside it; may be given again', together)
    .option('--search-ratio <number>', 'how far around: 0 the needle’s margin, 1 the whole screen (default 0.02)');
}
