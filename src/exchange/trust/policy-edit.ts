/**
 * Changes of the policy file that commands make (`peer add|remove`, `follow`, `unfollow`). The person's own comments,
 * order and blank lines stay; the result is parsed again, so a command can never leave a broken policy behind.
 */
import type { Document } from 'yaml';
import { UsageError } from '../../errors.ts';
import type { ChangeClass } from '../../recipe/types.ts';
import { formatPin, type RecoveryPin } from '../record/recovery-pin.ts';
import type { AuthorId } from '../record/types.ts';
import { parsePolicy } from './policy.ts';
import { addEntry, removeEntry, setValue } from './policy-splice.ts';
import { readPolicyYaml } from './policy-yaml.ts';
import type { Policy } from './types.ts';

export interface PeerEntry {
  readonly id: AuthorId;
  readonly addresses?: readonly string[];
  /** Default true. */
  readonly follow?: boolean;
  /** Recovery keys that their invitation named. */
  readonly recovery?: readonly RecoveryPin[];
}

/**
 * @returns the new text of the policy
 * @throws UsageError `policy/peer-exists` when the name or the id is taken, `policy/invalid` as `parsePolicy`
 */
export function addPeer(text: string, name: string, entry: PeerEntry, fileName = 'policy.yaml'): string {
  const policy = parsePolicy(text, fileName);
  if (policy.peers[name] !== undefined) {
    throw new UsageError('policy/peer-exists', `there is a peer ${name} in ${fileName} already`, {
      hint: `Choose another name, or remove it first: portalgun peer remove ${name}`,
      facts: { name, id: policy.peers[name].id },
    });
  }
  const twin = Object.entries(policy.peers).find(([, peer]) => peer.id === entry.id);
  if (twin !== undefined) {
    throw new UsageError('policy/peer-exists', `${entry.id} is in ${fileName} already, as ${twin[0]}`, {
      hint: `Use the name ${twin[0]}: one key under two names would count twice.`,
      facts: { name: twin[0], id: entry.id },
    });
  }
  const fields = [
    `id: ${JSON.stringify(entry.id)}`,
    ...(entry.addresses === undefined || entry.addresses.length === 0 ? [] : [`addresses: ${inline(entry.addresses)}`]),
    ...(entry.recovery === undefined || entry.recovery.length === 0
      ? []
      : [`recovery: ${inline(entry.recovery.map(formatPin))}`]),
    ...(entry.follow === false ? ['follow: false'] : []),
  ];
  const line = `${plain(name)}: { ${fields.join(', ')} }`;
  return edit(text, fileName, (document) => addEntry(text, document, 'peers', { block: [line], flow: line }, '{}'));
}

export interface AutomaticRule {
  /** `author/name` globs. */
  readonly recipes: readonly string[];
  /** Classes of patches that are applied automatically. */
  readonly auto: readonly ChangeClass[];
  /** The peer or group who must be for it. */
  readonly when: string;
}

/**
 * Appends a rule.
 *
 * @throws UsageError `policy/invalid` as `parsePolicy`, so also for `authority`
 */
export function addRule(text: string, rule: AutomaticRule, fileName = 'policy.yaml'): string {
  parsePolicy(text, fileName);
  const recipes = `recipes: ${inline(rule.recipes)}`;
  const permissions = rule.auto.map((changeClass) => `${changeClass}: { apply: auto, when: ${plain(rule.when)} }`);
  const block = [`- ${recipes}`, '  patches:', ...permissions.map((permission) => `    ${permission}`)];
  const flow = `{ ${recipes}, patches: { ${permissions.join(', ')} } }`;
  return edit(text, fileName, (document) => addEntry(text, document, 'rules', { block, flow }, '[]'));
}

/** @throws UsageError `policy/group-exists`, `policy/invalid` as `parsePolicy` */
export function addPrivateGroup(
  text: string,
  name: string,
  { scope, members }: Policy['private'][string],
  fileName = 'policy.yaml',
): string {
  if (parsePolicy(text, fileName).private[name] !== undefined) {
    throw new UsageError('policy/group-exists', `there is a private group ${name} in ${fileName} already`, {
      hint: `Choose another name, or edit ${fileName}.`,
    });
  }
  const line = `${plain(name)}: { scope: ${JSON.stringify(scope)}, members: ${inline(members)} }`;
  return edit(text, fileName, (document) => addEntry(text, document, 'private', { block: [line], flow: line }, '{}'));
}

/** @throws UsageError `policy/no-such-peer`, or `policy/peer-in-use` while a group or a rule names it */
export function removePeer(text: string, name: string, fileName = 'policy.yaml'): string {
  const policy = parsePolicy(text, fileName);
  requirePeer(policy, name, fileName);
  const users = usersOf(policy, name);
  if (users.length > 0) {
    throw new UsageError(
      'policy/peer-in-use',
      `${name} cannot be removed: ${users.join(', ')} in ${fileName} name it`,
      {
        hint: `Edit ${fileName}: whom those should count instead is your decision.`,
        facts: { name, users },
      },
    );
  }
  return edit(text, fileName, (document) => removeEntry(text, document, 'peers', name));
}

/** @throws UsageError `policy/no-such-peer` */
export function setFollow(text: string, name: string, follow: boolean, fileName = 'policy.yaml'): string {
  const policy = parsePolicy(text, fileName);
  if (requirePeer(policy, name, fileName).follow === follow) return text;
  return edit(text, fileName, (document) => setValue(text, document, 'peers', name, 'follow', String(follow)));
}

function requirePeer(policy: Policy, name: string, fileName: string): Policy['peers'][string] {
  const peer = policy.peers[name];
  if (peer !== undefined) return peer;
  const names = Object.keys(policy.peers);
  throw new UsageError('policy/no-such-peer', `there is no peer ${name} in ${fileName}`, {
    hint: names.length === 0 ? 'Add one: portalgun peer add NAME ID' : `The peers are: ${names.join(', ')}`,
    facts: { name, peers: names },
  });
}

function usersOf(policy: Policy, name: string): string[] {
  const groups = Object.entries(policy.groups).filter(([, group]) => group.of.includes(name));
  const rules = policy.rules.filter((rule) => {
    const permissions = [...Object.values(rule.patches), rule.versions];
    return (
      rule.recipes.some((glob) => glob.startsWith(`${name}/`)) ||
      rule.checksums?.confirm.of.includes(name) === true ||
      permissions.some((one) => one?.when === name || (typeof one?.when === 'object' && one.when.of.includes(name)))
    );
  });
  const own = Object.entries(policy.private).filter(([, { members }]) => members.includes(name));
  return [
    ...groups.map(([group]) => `group ${group}`),
    ...own.map(([group]) => `private group ${group}`),
    ...rules.map((rule) => `the rule at line ${rule.line}`),
  ];
}

/** A list on one line; JSON is YAML. */
function inline(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}

/** A name as a person would write it; what could be taken for something else is quoted. */
function plain(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) && !AMBIGUOUS.test(name) ? name : JSON.stringify(name);
}

const AMBIGUOUS = /^(true|false|null|yes|no|on|off|y|n)$/i;

/** Changes the text and parses what came out, so that a command can never leave a broken policy behind. */
function edit(text: string, fileName: string, change: (document: Document) => string): string {
  const edited = change(readPolicyYaml(text, fileName).document);
  parsePolicy(edited, fileName);
  return edited;
}
