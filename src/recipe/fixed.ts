/**
 * What would otherwise be drawn by lot or told by the clock, fixed by the recipe: identifiers that follow from its name, and
 * the environment that makes programs repeat themselves. Pure: whoever has the recipe has the same.
 */
import { sha256 } from '../crypto/digest.ts';
import type { Output, Recipe } from './types.ts';

/** `{{uuid:root}}`, `{{id:disk}}`: what stands behind the colon tells one identifier of a recipe from another. */
const IDENTIFIER = /^(uuid|id):([a-z][a-z0-9-]{0,31})$/;

/** No parameter may be called so (meaning.ts). */
const EPOCH = 'source_date_epoch';

/** Is it the name of something that a recipe fixes by itself? */
export function isFixedName(name: string): boolean {
  return name === EPOCH || IDENTIFIER.test(name);
}

/** The value; undefined where the name is none of these, or the recipe has no `source_date_epoch`. */
export function fixedValue({ name: recipe, reproducible }: Pick<Recipe, 'name' | 'reproducible'>, name: string) {
  if (name === EPOCH) return reproducible?.source_date_epoch?.toString();
  const [, kind, what] = IDENTIFIER.exec(name) ?? [];
  if (what === undefined) return undefined;
  return kind === 'uuid' ? fixedUuid(recipe, what) : drawn(recipe, what).subarray(0, 4).toString('hex');
}

/** A version 8 UUID (RFC 9562, section 5.8). The recipe's version is not in it: a patch leaves identifiers as they are. */
export function fixedUuid(recipe: string, what: string): string {
  const bytes = drawn(recipe, what).subarray(0, 16);
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function drawn(recipe: string, what: string): Buffer {
  return Buffer.from(sha256(`portalgun-fixed/1\n${recipe}\n${what}\n`).slice('sha256:'.length), 'hex');
}

/** Seeds of the hash tables of Python and Perl, whose order reaches what their programs write. */
const SEEDS: readonly string[] = ['PYTHONHASHSEED=0', 'PERL_HASH_SEED=0', 'PERL_PERTURB_KEYS=0'];

/**
 * Variables for the first program of the guest, which what it starts inherits: Linux hands over what stands on its command
 * line and means nothing to itself (Documentation/admin-guide/kernel-parameters). Empty where the recipe asks for none.
 */
export function fixedEnvironment({ reproducible }: Pick<Recipe, 'reproducible'>): readonly string[] {
  if (reproducible?.environment !== 'fixed') return [];
  const { source_date_epoch: epoch } = reproducible;
  return [...(epoch === undefined ? [] : [`SOURCE_DATE_EPOCH=${epoch}`]), ...SEEDS];
}

/** What to add where a machine that was driven by hand turns out to leave an image: it ran by the host's clock, and that is said. */
export function keeping(recipe: Recipe, outputs: readonly Output[]): Pick<Recipe, 'outputs' | 'reproducible'> {
  if (outputs.length === 0 || recipe.outputs !== undefined) return {};
  const undecided = recipe.reproducible === undefined && recipe.base === undefined;
  return { outputs, ...(undecided && { reproducible: { clock: 'host' } }) };
}
