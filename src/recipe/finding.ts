import type { Path } from './problems.ts';

/** What `recipe lint` finds, and where in the document. */
export interface Finding {
  /** An `error` makes `recipe lint` fail: a step would pass whatever happens, or never run. */
  readonly severity: 'error' | 'warning';
  readonly path: Path;
  /** Id of the step; absent for the recipe as a whole. */
  readonly step?: string;
  readonly message: string;
}
