/** Which normaliser rules an image was measured under, in which version, and what each of them touches. */
import { PortalgunError } from '../errors.ts';
import { compileRules, type Manifest, type StoredImage } from '../workshop/image/index.ts';
import type { Home } from './home.ts';
import { rulesOf } from './read-image.ts';

export interface AppliedRule {
  readonly rule: string;
  /** Null where it is not known any more: `unknown` says why. */
  readonly version: number | null;
  /** Of an entry of the manifest; null for a rule that touches nothing. */
  readonly path: string | null;
}

export interface AppliedRules {
  /** Those that touch something first, sorted by path. */
  readonly rules: readonly AppliedRule[];
  readonly unknown?: PortalgunError;
}

export async function appliedRules(home: Home, image: StoredImage, manifest: Manifest): Promise<AppliedRules> {
  const touched = manifest.entries.flatMap((entry) =>
    'rule' in entry && entry.rule !== undefined ? [{ rule: entry.rule, path: entry.path }] : [],
  );
  try {
    const normaliser = compileRules(await rulesOf(home, image, manifest));
    const idle = normaliser.rules.filter(({ name }) => !touched.some(({ rule }) => rule === name));
    return {
      rules: [
        ...touched.map(({ rule, path }) => ({ rule, version: normaliser.explain(rule, path)?.version ?? null, path })),
        ...idle.map(({ name, version }) => ({ rule: name, version, path: null })),
      ],
    };
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    return { rules: touched.map((one) => ({ ...one, version: null })), unknown: error };
  }
}
