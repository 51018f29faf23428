/** Whether a recipe fits the recipe that it is based on. */
import { PortalgunError } from '../errors.ts';
import type { Finding } from './finding.ts';
import { placed, type LintFinding } from './lint.ts';
import { resolveRecipe } from './resolve.ts';
import type { CheckedRecipe } from './types.ts';

/** `bases`: the base, the base of that, and so on; or why they are not at hand. */
export function lintBase(checked: CheckedRecipe, bases: readonly CheckedRecipe[] | PortalgunError): LintFinding[] {
  if (bases instanceof PortalgunError) return placed(checked, [found('warning', `not checked: ${bases.message}`)]);
  try {
    resolveRecipe(checked, {}, bases);
    return [];
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    // A parameter without a default is given when it is built.
    if (error.code === 'recipe/bad-parameter') return [];
    const { problems = [error.message] } = error.facts as { readonly problems?: readonly string[] };
    return placed(
      checked,
      problems.map((problem) => found('error', problem)),
    );
  }
}

function found(severity: Finding['severity'], message: string): Finding {
  return { severity, path: ['base'], message };
}
