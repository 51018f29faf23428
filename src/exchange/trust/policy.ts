/**
 * The policy file, checked. `parsePolicy` is the only maker of a `Policy`.
 *
 * It is strict on purpose: a misspelt key that was silently ignored would be a rule that the person believes in and
 * that does not exist.
 */
import type { ChangeClass } from '../../recipe/types.ts';
import type { AuthorId } from '../record/types.ts';
import type { Names } from './group.ts';
import { MAX_GLOB_LENGTH } from './limits.ts';
import { isAuthorId, readNames, readPrivate, readWhen, SELF_NAME } from './policy-names.ts';
import { readPolicyYaml } from './policy-yaml.ts';
import type { At, PolicyReader } from './policy-yaml.ts';
import { parseRecipeGlob } from './recipe-glob.ts';
import type { Apply, Permission, Policy, Rule } from './types.ts';

const APPLY: readonly Apply[] = ['auto', 'ask', 'never'];
const CLASSES: readonly ChangeClass[] = ['wording', 'choices', 'sends', 'authority'];

/** @throws UsageError `policy/invalid`: file:line:col, the path in the file, and what was expected there. */
export function parsePolicy(yamlText: string, fileName: string): Policy {
  const reader = readPolicyYaml(yamlText, fileName);
  const top = reader.map(reader.root, 'the keys peers, groups, private, rules, defaults', [
    'peers',
    'groups',
    'private',
    'rules',
    'defaults',
  ]);
  const names = readNames(reader, top.get('peers'), top.get('groups'));
  const rulesAt = top.get('rules');
  const policy: Omit<Policy, typeof brand> = {
    ...names,
    private: readPrivate(reader, top.get('private'), names.peers),
    rules:
      rulesAt?.node == null ? [] : reader.list(rulesAt, 'a list of rules').map((at) => readRule(reader, at, names)),
    defaults: readDefaults(reader, top.get('defaults')),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is the one maker
  return policy as Policy;
}

/** A policy that stays in force although its file cannot be read any more. */
export function keptPolicy(policy: Policy, broken: string): Policy {
  return { ...policy, broken };
}

/** Stands in for the brand that `Policy` carries in its type alone. */
declare const brand: Extract<keyof Policy, symbol>;

function readRule(reader: PolicyReader, at: At, names: Names): Rule {
  const keys = ['recipes', 'patches', 'versions', 'checksums'];
  const fields = reader.map(at, `a rule with the keys ${keys.join(', ')}`, keys);
  const recipesAt = fields.get('recipes');
  if (recipesAt === undefined) return reader.fail(at, 'the key recipes: a list of author/name');
  const recipes = reader.list(recipesAt, 'a list of author/name').map((globAt) => readGlob(reader, globAt, names));
  if (recipes.length === 0) reader.fail(recipesAt, 'at least one author/name');

  const patches: Partial<Record<ChangeClass, Permission>> = {};
  const patchesAt = fields.get('patches');
  const byClass =
    patchesAt === undefined ? new Map<string, At>() : reader.map(patchesAt, 'a mapping of classes', CLASSES);
  for (const changeClass of CLASSES) {
    const permissionAt = byClass.get(changeClass);
    if (permissionAt === undefined) continue;
    const permission = readPermission(reader, permissionAt, names);
    if (changeClass === 'authority' && permission.apply === 'auto') {
      reader.fail(
        permissionAt,
        'ask or never',
        'Media, keys, network, secrets, the machine and dropped checks are what a patch could do most harm with: they are never applied automatically.',
      );
    }
    patches[changeClass] = permission;
  }
  const versionsAt = fields.get('versions');
  const checksumsAt = fields.get('checksums');
  if (patchesAt === undefined && versionsAt === undefined && checksumsAt === undefined) {
    reader.fail(at, 'at least one of the keys patches, versions, checksums');
  }
  return {
    recipes,
    patches,
    ...(versionsAt === undefined ? {} : { versions: readPermission(reader, versionsAt, names) }),
    ...(checksumsAt === undefined ? {} : { checksums: readChecksums(reader, checksumsAt, names) }),
    line: reader.line(at),
  };
}

function readChecksums(reader: PolicyReader, at: At, names: Names): NonNullable<Rule['checksums']> {
  const confirmAt = reader.map(at, '{ confirm: … }', ['confirm']).get('confirm');
  if (confirmAt === undefined) return reader.fail(at, 'the key confirm: a peer, a group, or { k, of }');
  const when = readWhen(reader, confirmAt, names);
  return { confirm: typeof when === 'string' ? (names.groups[when] ?? { k: 1, of: [when] }) : when };
}

function readGlob(reader: PolicyReader, at: At, names: Names): string {
  const text = reader.string(at, 'author/name, for example alice/debian-12-*');
  const glob = text.length > MAX_GLOB_LENGTH ? undefined : parseRecipeGlob(text);
  if (glob === undefined) {
    return reader.fail(at, 'author/name, for example alice/debian-12-* (never a bare name: anybody may use it)');
  }
  const known =
    ['*', SELF_NAME].includes(glob.author) || isAuthorId(glob.author) || names.peers[glob.author] !== undefined;
  if (!known) {
    reader.fail(at, `an author who is a peer in this file, an author id, ${SELF_NAME} or *`);
  }
  return text;
}

function readPermission(reader: PolicyReader, at: At, names: Names): Permission {
  const fields = reader.map(at, '{ apply, when }', ['apply', 'when']);
  const applyAt = fields.get('apply');
  if (applyAt === undefined) return reader.fail(at, 'the key apply: auto, ask or never');
  const apply = readApply(reader, applyAt, APPLY);
  const whenAt = fields.get('when');
  if (whenAt === undefined) {
    if (apply === 'auto') reader.fail(at, 'the key when: auto needs a peer or group who must be for it');
    return { apply };
  }
  return { apply, when: readWhen(reader, whenAt, names) };
}

function readDefaults(reader: PolicyReader, at: At | undefined): Policy['defaults'] {
  const fields =
    at === undefined ? new Map<string, At>() : reader.map(at, '{ patches, versions }', ['patches', 'versions']);
  const one = (key: string): Apply => {
    const fieldAt = fields.get(key);
    // No `when` stands here, so `auto` would mean anybody's.
    return fieldAt === undefined ? 'ask' : readApply(reader, fieldAt, ['ask', 'never']);
  };
  return { patches: one('patches'), versions: one('versions') };
}

function readApply(reader: PolicyReader, at: At, allowed: readonly Apply[]): Apply {
  const text = reader.string(at, allowed.join(', '));
  const apply = allowed.find((one) => one === text);
  return apply ?? reader.fail(at, `one of ${allowed.join(', ')}`);
}

/** Authors whose feeds this node carries because the policy says so, in the order of the file. */
export function followedAuthors(policy: Policy): AuthorId[] {
  return Object.values(policy.peers)
    .filter((peer) => peer.follow)
    .map((peer) => peer.id);
}

export function isFollowed(policy: Policy, author: AuthorId): boolean {
  return Object.values(policy.peers).some((peer) => peer.follow && peer.id === author);
}

export { defaultPolicyText } from './default-policy.ts';
