/** The lock: the exact packages that a recipe's media resolve to. docs/recipe.md describes the file. */
import { isDeepStrictEqual } from 'node:util';
import { digestOf } from '../crypto/canonical.ts';
import { isDigest, type Digest } from '../crypto/digest.ts';
import { mediaDigest } from './digest.ts';
import { MAX_LOCK_BYTES, MAX_LOCKED_PACKAGES } from './limits.ts';
import { deepFreeze } from './freeze.ts';
import { invalidFile, printable, type Path, type Problem } from './problems.ts';
import { readYaml } from './yaml-reader.ts';
import type { CheckedRecipe, Lock, LockedFile, LockedPackage, Recipe } from './types.ts';

type Check = (value: unknown) => boolean;

const text =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);

/** Fields in the order of the file, each with what it must look like. */
type Fields<T> = readonly (readonly [keyof T & string, Check, string])[];

const SHA256 = ['sha256', text(/^[0-9a-f]{64}$/), '64 lower-case hex digits'] as const;
const SIZE = [
  'sizeBytes',
  (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0,
  'a size in bytes',
] as const;
const SIGNED_BY = [
  'signedBy',
  text(/^[0-9A-F]{40}([0-9A-F]{24})?$/),
  'a fingerprint of 40 or 64 upper-case hex digits',
] as const;

const PACKAGE_FIELDS: Fields<LockedPackage> = [
  ['package', text(/^[a-z0-9][a-z0-9+.-]{1,127}$/), 'the name of a Debian package'],
  ['version', text(/^[0-9A-Za-z][0-9A-Za-z.+:~-]{0,127}$/), 'a Debian version'],
  ['architecture', text(/^[a-z0-9][a-z0-9-]{0,31}$/), 'an architecture'],
  SHA256,
  SIZE,
  SIGNED_BY,
];
const FILE_FIELDS: Fields<LockedFile> = [
  ['file', text(/^[^\s/\\"]{1,255}(\/[^\s/\\"]{1,255}){0,16}$/), 'the name of a file'],
  SHA256,
  SIZE,
  SIGNED_BY,
];
const MEDIUM_NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/** Throws UsageError `recipe/invalid-lock` with all problems and their places. */
export function parseLock(source: string, fileName = 'lock'): Lock {
  const hint = '`portalgun recipe lock` writes the file anew.';
  const reading = readYaml(source, MAX_LOCK_BYTES, () => false);
  if (!reading.ok) throw invalidFile('recipe/invalid-lock', fileName, reading.problems, hint);
  const problems = lockProblems(reading.yaml.value);
  if (problems.length > 0) throw invalidFile('recipe/invalid-lock', fileName, problems.map(reading.yaml.place), hint);
  return deepFreeze(reading.yaml.value as Lock);
}

/** The text of a lock file: the same lock gives the same bytes. */
export function formatLock(lock: Lock): string {
  const lines = [
    '# The exact packages that the recipe beside this file is built from. Written by `portalgun recipe lock`: share it',
    '# with the recipe, and do not edit it.',
    'lock: 1',
    `of: ${lock.of}`,
    Object.keys(lock.media).length === 0 ? 'media: {}' : 'media:',
  ];
  for (const name of Object.keys(lock.media).sort()) {
    const packages = lock.media[name] ?? [];
    lines.push(`  ${name}:${packages.length === 0 ? ' []' : ''}`);
    for (const locked of packages) {
      PACKAGE_FIELDS.forEach(([field], index) =>
        lines.push(`    ${index === 0 ? '-' : ' '} ${field}: ${JSON.stringify(locked[field])}`),
      );
    }
  }
  const files = Object.entries(lock.files ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (files.length > 0) lines.push('files:');
  for (const [name, locked] of files) {
    lines.push(`  ${name}:`, ...FILE_FIELDS.map(([field]) => `    ${field}: ${JSON.stringify(locked[field])}`));
  }
  return `${lines.join('\n')}\n`;
}

/** A lock belongs to a recipe whose `media` part is the one that it was made of, and names each of its media. */
export function lockMatches(lock: Lock, recipe: Recipe | CheckedRecipe): boolean {
  return lock.of === mediaDigest('source' in recipe ? recipe.recipe : recipe);
}

/**
 * What a lock is in a build key: the bytes that are used. Who vouched for them and how large they are is left out, so
 * that two peers whose archives are signed by two keys can still compare.
 */
export function lockDigest(lock: Lock): Digest {
  const media = Object.entries(lock.media).map(([name, packages]) => [
    name,
    packages.map(({ package: name, version, architecture, sha256 }) => ({
      package: name,
      version,
      architecture,
      sha256,
    })),
  ]);
  const files = Object.entries(lock.files ?? {}).map(([name, { file, sha256 }]) => [name, { file, sha256 }]);
  return digestOf({
    lock: lock.lock,
    of: lock.of,
    media: Object.fromEntries(media),
    ...(files.length > 0 && { files: Object.fromEntries(files) }),
  });
}

/** As `lockDigest`, of a recipe's own lock and those of its bases, the nearest first: all of them went into what is built. */
export function locksDigest(locks: readonly [Lock, ...Lock[]]): Digest {
  const [own, ...bases] = locks;
  return bases.length === 0 ? lockDigest(own) : digestOf({ locks: locks.map(lockDigest) });
}

/** What moved between two locks, one line each: `parts: e2fsprogs 1.47.0-2 → 1.47.0-3`. Empty where nothing did. */
export function diffLocks(before: Lock, after: Lock): string[] {
  return [...packageDifferences(before, after), ...fileDifferences(before, after)];
}

function fileDifferences({ files: before = {} }: Lock, { files: after = {} }: Lock): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if (isDeepStrictEqual(was, is)) return [];
    if (was === undefined) return [`${name}: + ${is?.file ?? ''}`];
    if (is === undefined) return [`${name}: - ${was.file}`];
    if (was.file !== is.file) return [`${name}: ${was.file} → ${is.file}`];
    if (was.sha256 !== is.sha256)
      return [`${name}: ${is.file}: other content (${was.sha256.slice(0, 12)} → ${is.sha256.slice(0, 12)})`];
    return [`${name}: ${is.file}: vouched for by ${is.signedBy} instead of ${was.signedBy}`];
  });
}

function packageDifferences(before: Lock, after: Lock): string[] {
  const names = [...new Set([...Object.keys(before.media), ...Object.keys(after.media)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [byPackage(before.media[name]), byPackage(after.media[name])];
    const packages = [...new Set([...was.keys(), ...is.keys()])].sort();
    return packages.flatMap((key) => {
      const [old, now] = [was.get(key), is.get(key)];
      if (isDeepStrictEqual(old, now)) return [];
      if (old === undefined) return [`${name}: + ${key} ${now?.version ?? ''}`];
      if (now === undefined) return [`${name}: - ${key} ${old.version}`];
      if (old.version !== now.version) return [`${name}: ${key} ${old.version} → ${now.version}`];
      if (old.sha256 !== now.sha256)
        return [
          `${name}: ${key} ${now.version}: same version, other content (${old.sha256.slice(0, 12)} → ${now.sha256.slice(0, 12)})`,
        ];
      return [`${name}: ${key} ${now.version}: vouched for by ${now.signedBy} instead of ${old.signedBy}`];
    });
  });
}

function byPackage(packages: readonly LockedPackage[] = []): Map<string, LockedPackage> {
  return new Map(packages.map((locked) => [`${locked.package}:${locked.architecture}`, locked]));
}

function lockProblems(value: unknown): Problem[] {
  const problems: Problem[] = [];
  const say = (path: Path, message: string): number => problems.push({ path, message });
  if (!isFields(value)) return [{ path: [], message: `found ${printable(value)}, expected a mapping` }];
  onlyFields(value, ['lock', 'of', 'media', 'files'], [], say);
  if (value['lock'] !== 1) say(['lock'], `found ${printable(value['lock'])}, expected 1`);
  if (!isDigest(value['of'])) say(['of'], `found ${printable(value['of'])}, expected a digest`);
  if (!isFields(value['media'])) say(['media'], `found ${printable(value['media'])}, expected a mapping`);
  else {
    for (const [name, packages] of Object.entries(value['media'])) {
      if (!MEDIUM_NAME.test(name)) say(['media', name], 'it is not the name of a medium');
      if (!Array.isArray(packages) || packages.length > MAX_LOCKED_PACKAGES)
        say(['media', name], `found ${printable(packages)}, expected a list of at most ${MAX_LOCKED_PACKAGES}`);
      else
        (packages as readonly unknown[]).forEach((locked, index) =>
          entryProblems(locked, PACKAGE_FIELDS, ['media', name, index], say),
        );
    }
  }
  const { files } = value;
  if (files !== undefined && !isFields(files)) say(['files'], `found ${printable(files)}, expected a mapping`);
  else {
    for (const [name, locked] of Object.entries(files ?? {})) {
      if (!MEDIUM_NAME.test(name)) say(['files', name], 'it is not the name of a medium');
      entryProblems(locked, FILE_FIELDS, ['files', name], say);
    }
  }
  return problems;
}

function entryProblems<T>(
  value: unknown,
  fields: Fields<T>,
  path: Path,
  say: (path: Path, message: string) => number,
): void {
  if (!isFields(value)) return void say(path, `found ${printable(value)}, expected a mapping`);
  onlyFields(
    value,
    fields.map(([field]) => field),
    path,
    say,
  );
  for (const [field, holds, expected] of fields) {
    if (!holds(value[field])) say([...path, field], `found ${printable(value[field])}, expected ${expected}`);
  }
}

function onlyFields(
  value: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: Path,
  say: (path: Path, message: string) => number,
): void {
  for (const field of Object.keys(value))
    if (!known.includes(field)) say([...path, field], `unknown field ${printable(field)}`);
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
