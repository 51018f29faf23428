/**
 * Which packages are needed for some packages to work: Depends and Pre-Depends, followed to the end.
 *
 * The same archive and the same wishes give the same list, always. Conflicts and Breaks are not looked at: the result is a
 * pool of files that a guest may install from, not an installed system.
 */
import { UnavailableError } from '../../errors.ts';
import type { Alternative, Clause } from './depends.ts';
import { MAX_CLOSURE_PACKAGES } from './limits.ts';
import type { PackageStanza } from './packages-index.ts';
import { compareVersions, satisfies } from './version.ts';

/** Where packages are looked up. `P` lets an archive carry more along with each stanza. */
export interface PackageSource<P extends PackageStanza = PackageStanza> {
  byName(name: string): readonly P[];
  providersOf(name: string): readonly P[];
}

/** Highest version of a package; of equal versions the first. Undefined if there is none. */
export function newest<P extends PackageStanza>(candidates: readonly P[]): P | undefined {
  return candidates.reduce<P | undefined>(
    (best, candidate) => (best && compareVersions(best.version, candidate.version) >= 0 ? best : candidate),
    undefined,
  );
}

/**
 * `wanted` and (unless `closure` is false) all that they depend on, sorted by name.
 *
 * Alternatives: one that is chosen already, else the first that can be had. Of packages that provide a virtual name: the
 * one with the highest priority, then the first by name.
 *
 * Throws `media/package-not-found` or `media/dependency-not-found`.
 */
export function resolvePackages<P extends PackageStanza>(
  source: PackageSource<P>,
  wanted: readonly string[],
  closure: boolean,
): P[] {
  const chosen = new Map<string, P>();
  const queue: P[] = [];
  const choose = (found: P): void => {
    if (chosen.has(found.name)) return;
    if (chosen.size >= MAX_CLOSURE_PACKAGES) throw tooMany();
    chosen.set(found.name, found);
    queue.push(found);
  };
  for (const name of wanted) {
    const found = newest(source.byName(name));
    if (!found) throw notFound(name);
    choose(found);
  }
  if (!closure) return sortedByName(chosen);
  for (let next = queue.shift(); next; next = queue.shift()) {
    for (const clause of next.depends) {
      if ([...chosen.values()].some((one) => clause.alternatives.some((alternative) => fits(one, alternative))))
        continue;
      choose(firstThatFits(source, clause) ?? missing(next, clause));
    }
  }
  return sortedByName(chosen);
}

function sortedByName<P extends PackageStanza>(chosen: ReadonlyMap<string, P>): P[] {
  return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function firstThatFits<P extends PackageStanza>(source: PackageSource<P>, clause: Clause): P | undefined {
  for (const alternative of clause.alternatives) {
    const real = newest(source.byName(alternative.name).filter((candidate) => fits(candidate, alternative)));
    if (real) return real;
    const providers = source.providersOf(alternative.name).filter((candidate) => fits(candidate, alternative));
    const best = providers.toSorted(byPriority)[0];
    if (best) return newest(providers.filter((candidate) => candidate.name === best.name));
  }
  return undefined;
}

/** By its own name and version, or by what it provides. */
function fits(stanza: PackageStanza, { name, relation, version }: Alternative): boolean {
  const versionFits = (offered: string | undefined) =>
    relation === undefined || version === undefined || (offered !== undefined && satisfies(offered, relation, version));
  if (stanza.name === name && versionFits(stanza.version)) return true;
  return stanza.provides.some((offer) => offer.name === name && versionFits(offer.version));
}

const PRIORITIES = ['required', 'important', 'standard', 'optional', 'extra'];

function byPriority(a: PackageStanza, b: PackageStanza): number {
  const rank = (stanza: PackageStanza) =>
    (PRIORITIES.indexOf(stanza.priority) + PRIORITIES.length + 1) % (PRIORITIES.length + 1);
  return rank(a) - rank(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function notFound(name: string): UnavailableError {
  return new UnavailableError('media/package-not-found', `No verified package source offers the package ${name}.`, {
    hint: `check the name with \`apt-cache policy ${name}\`; run \`sudo apt-get update\` if it is new`,
    facts: { package: name },
  });
}

function missing(stanza: PackageStanza, clause: Clause): never {
  throw new UnavailableError(
    'media/dependency-not-found',
    `The package ${stanza.name} ${stanza.version} depends on "${clause.text}", which no verified package source offers.`,
    { hint: 'run `sudo apt-get update` and try again', facts: { package: stanza.name, depends: clause.text } },
  );
}

function tooMany(): UnavailableError {
  return new UnavailableError('media/closure-too-large', `More than ${MAX_CLOSURE_PACKAGES} packages are needed.`, {
    hint: 'name fewer packages, or set `closure: false` and name exactly those that you need',
  });
}
