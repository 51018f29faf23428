import { UsageError } from '../errors.ts';

/** `name=value`, given any number of times. Throws `build/bad-parameter`. */
export function pairs(list: readonly string[], flag: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of list) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError('build/bad-parameter', `${flag} ${pair}: expected name=value`);
    found[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return found;
}
