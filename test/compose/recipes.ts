/** The smallest recipe there is, under any name. */
import { readFileSync } from 'node:fs';
import { GRUB_RECIPE } from '../support/grub.ts';

export function recipeNamed(name: string): string {
  return readFileSync(GRUB_RECIPE, 'utf8').replace(/^name: .*$/m, `name: ${name}`);
}
