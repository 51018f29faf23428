/**
 * What "changed upstream" in the demo: one step of a shipped recipe, put back to the wording that it had before. The rest
 * is as real as it gets. Where the older wording is not quoted from a real older release, the screen says so.
 */
import { digestOf } from '../../crypto/canonical.ts';
import { FailedError } from '../../errors.ts';
import { parseRecipe } from '../../recipe/parse.ts';
import { applyToYaml } from '../../recipe/patch.ts';
import type { Condition } from '../../recipe/types.ts';

export interface StagedChange {
  readonly step: string;
  /** What the recipe waited for before, in place of its present `expect`. */
  readonly olderText: string;
  /** Where the older wording is from; absent: it is made up for the demo. */
  readonly quotedFrom?: string;
}

/** By recipe name. */
export const STAGED: Readonly<Record<string, StagedChange>> = {
  'grub-rescue': {
    step: 'command-line',
    olderText: 'device/file completions',
    quotedFrom: 'quoted from GRUB 1.97 and older',
  },
  'debian-12-tiny': {
    step: 'partition',
    olderText: 'Re-reading the partition table ...',
    quotedFrom: 'quoted from sfdisk of util-linux before 2.26',
  },
};

export interface StaleRecipe {
  readonly yaml: string;
  readonly change: StagedChange;
  /** What today's media say in its place. */
  readonly presentText: string;
  /** Names of its secret parameters. */
  readonly secrets: readonly string[];
}

/** The recipe's YAML with the step put back. Throws `demo/not-staged` where the step is not there any more. */
export function withOlderWording(yaml: string, name: string): StaleRecipe {
  const change = STAGED[name];
  const recipe = parseRecipe(yaml, `${name}.yaml`).recipe;
  const present = recipe.steps.find(({ id }) => id === change?.step)?.expect;
  const presentText = present && textOf(present);
  if (!change || present === undefined || presentText === undefined) {
    throw new FailedError('demo/not-staged', `the demo does not know which step of ${name} to put back`, {
      hint: `Use one of: ${Object.keys(STAGED).join(', ')}`,
    });
  }
  const operation = {
    op: 'set',
    path: ['steps', change.step, 'expect', 'text'],
    was: digestOf(presentText),
    value: change.olderText,
  } as const;
  const secrets = Object.entries(recipe.params ?? {}).flatMap(([param, { type }]) =>
    type === 'secret' ? [param] : [],
  );
  return { yaml: applyToYaml(yaml, [operation]), change, presentText, secrets };
}

function textOf(condition: Condition): string | undefined {
  return 'text' in condition && typeof condition.text === 'string' ? condition.text : undefined;
}
