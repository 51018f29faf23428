/** Recipes: written, recorded, imported, checked, exchanged. */
import type { Command } from 'commander';
import { together, type AddCommand } from './adding.ts';

export function addRecipes(program: Command, command: AddCommand): void {
  const recipe = program.command('recipe').description('recipes: checked, explained, pinned, shared');
  const recipes = () => import('../commands/recipe.ts');
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
    async () => (await import('../commands/record.ts')).record,
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
    async () => (await import('../commands/import.ts')).importTemplate,
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
    async () => (await import('../commands/harvest.ts')).harvest,
  )
    .option('--out <file>', 'where to (default: the file itself)')
    .option('--param <k=v>', 'bind a parameter; may be given again', together)
    .option('--yes', 'do not ask whether the steps are right');
}
