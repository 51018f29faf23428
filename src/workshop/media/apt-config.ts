/** The configuration under which apt runs for us. */
import { join } from 'node:path';

/** A folder of its own within a snapshot, as apt removes what it does not know beside its lists. */
export const LISTS = 'lists';

/** Debian's names of what guests may be, whatever this machine is. */
export type Architecture = 'amd64' | 'i386';

/** For a file that `-c` names: it is read after the machine's own configuration, so `#clear` works on that. */
export const aptConfig = (architecture: Architecture): string =>
  [
    // Hooks that the machine's packages have hung on an update are about the machine's own lists.
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear APT::Architectures;',
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    // By default apt drops root for a user who cannot write into our folder.
    'APT::Sandbox::User "";',
    // An update that did not get everything has failed.
    'APT::Update::Error-Mode "any";',
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    'Acquire::Languages "none";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
    'Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";',
    // The folder is ours alone: there is nobody to lock out.
    'Debug::NoLocking "true";',
    '',
  ].join('\n');

/** Options that make apt keep to a snapshot's folder. On the command line, so that the cache may be moved. */
export function placesIn(
  snapshot: string,
  { sourcesList, keys }: { readonly sourcesList?: string | undefined; readonly keys?: string | undefined },
): string[] {
  const places = {
    'Dir::State': snapshot,
    'Dir::State::lists': `${join(snapshot, LISTS)}/`,
    'Dir::State::status': join(snapshot, 'status'),
    'Dir::Cache': join(snapshot, 'cache'),
    ...(sourcesList !== undefined && { 'Dir::Etc::sourcelist': sourcesList, 'Dir::Etc::sourceparts': '/dev/null' }),
    ...(keys !== undefined && { 'Dir::Etc::trusted': keys, 'Dir::Etc::trustedparts': '/dev/null' }),
  };
  return Object.entries(places).flatMap(([name, place]) => ['-o', `${name}=${place}`]);
}
