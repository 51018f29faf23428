/** The part of a policy that gives names to people: peers, groups, and what `when` may point at. */
import { Buffer } from 'node:buffer';
import { importPublicKey } from '../../crypto/ed25519.ts';
import { PortalgunError } from '../../errors.ts';
import { parsePin, type RecoveryPin } from '../record/recovery-pin.ts';
import type { AuthorId } from '../record/types.ts';
import { memberOf } from './group.ts';
import type { Names } from './group.ts';
import { MAX_GROUP_DEPTH, MAX_NAME_LENGTH, MAX_PEER_ADDRESSES } from './limits.ts';
import type { At, PolicyReader } from './policy-yaml.ts';
import type { Group, Policy } from './types.ts';

/** In a rule's globs, whoever owns this node. */
export const SELF_NAME = 'me';

const AUTHOR_ID = /^ed25519:[0-9a-f]{64}$/;
/** 16 random bytes: nobody finds a group by guessing, and `public` is none. */
const PRIVATE_SCOPE = /^[0-9a-f]{32}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const ADDRESS = /^(\/[\x21-\x2e\x30-\x7e]+)+$/;

export function isAuthorId(text: string): text is AuthorId {
  return AUTHOR_ID.test(text);
}

export function readNames(reader: PolicyReader, peersAt: At | undefined, groupsAt: At | undefined): Names {
  const peers = readPeers(reader, peersAt);
  return { peers, groups: readGroups(reader, groupsAt, peers) };
}

function readPeers(reader: PolicyReader, at: At | undefined): Policy['peers'] {
  const peers: Record<string, Policy['peers'][string]> = Object.create(null);
  const nameOfId = new Map<AuthorId, string>();
  for (const [name, peerAt] of at === undefined ? [] : reader.map(at, 'a mapping of names to peers')) {
    checkName(reader, peerAt.keyAt, name);
    const fields = reader.map(peerAt, '{ id, addresses, follow, recovery }', ['id', 'addresses', 'follow', 'recovery']);
    const idAt = fields.get('id');
    if (idAt === undefined) return reader.fail(peerAt, 'an id for this peer: "ed25519:" and 64 hex digits');
    const id = reader.string(idAt, 'an author id: "ed25519:" and 64 hex digits');
    if (!isAuthorId(id)) return reader.fail(idAt, 'an author id: "ed25519:" and 64 lower-case hex digits');
    checkKey(reader, idAt, id);
    const twin = nameOfId.get(id);
    if (twin !== undefined) {
      reader.fail(idAt, `an id of its own (${twin} has this one: one key under two names would count twice)`);
    }
    nameOfId.set(id, name);
    const followAt = fields.get('follow');
    const recovery = readPins(reader, fields.get('recovery'));
    peers[name] = {
      id,
      addresses: readAddresses(reader, fields.get('addresses')),
      follow: followAt === undefined ? true : reader.boolean(followAt, 'true or false'),
      ...(recovery.length > 0 && { recovery }),
    };
  }
  return peers;
}

/** A key under which one signature fits many messages must not get into a quorum. */
function checkKey(reader: PolicyReader, at: At, id: AuthorId): void {
  try {
    importPublicKey(Buffer.from(id.slice('ed25519:'.length), 'hex'));
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    reader.fail(at, 'the id of a sound public key', error.message);
  }
}

function readPins(reader: PolicyReader, at: At | undefined): RecoveryPin[] {
  if (at === undefined) return [];
  const pins = new Map<number, RecoveryPin>();
  const what = 'a recovery’s number and its key as an invitation has them, for example "0.8a88…"';
  for (const pinAt of reader.list(at, 'a list of recovery keys as an invitation has them')) {
    const pin = parsePin(reader.string(pinAt, what)) ?? reader.fail(pinAt, what);
    if (pins.has(pin.recovery)) reader.fail(pinAt, `one key for recovery ${pin.recovery}`);
    pins.set(pin.recovery, pin);
  }
  return [...pins.values()];
}

function readAddresses(reader: PolicyReader, at: At | undefined): string[] {
  if (at === undefined) return [];
  const addresses = reader.list(at, 'a list of addresses, for example ["/dns4/example.org/tcp/4001"]');
  if (addresses.length > MAX_PEER_ADDRESSES) reader.fail(at, `at most ${MAX_PEER_ADDRESSES} addresses`);
  return addresses.map((addressAt) => {
    const address = reader.string(addressAt, 'an address, for example "/dns4/example.org/tcp/4001"');
    if (!ADDRESS.test(address)) reader.fail(addressAt, 'an address, for example "/dns4/example.org/tcp/4001"');
    return address;
  });
}

function readGroups(reader: PolicyReader, at: At | undefined, peers: Policy['peers']): Policy['groups'] {
  const entries = at === undefined ? new Map<string, never>() : reader.map(at, 'a mapping of names to groups');
  const groups: Record<string, Group> = Object.create(null);
  for (const [name, groupAt] of entries) {
    checkName(reader, groupAt.keyAt, name);
    if (peers[name] !== undefined) reader.fail(groupAt.keyAt, 'a name that no peer has');
    groups[name] = readGroup(reader, groupAt);
  }
  // Members may be named before they are defined, so they are checked once all are read.
  for (const [name, groupAt] of entries) {
    const group = groups[name];
    if (group !== undefined) checkMembers(reader, groupAt, { peers, groups }, group, [name]);
  }
  return groups;
}

/** `{ k, of }` as written, members not looked up yet. */
function readGroup(reader: PolicyReader, at: At): Group {
  const fields = reader.map(at, '{ k, of }', ['k', 'of']);
  const [kAt, ofAt] = [fields.get('k'), fields.get('of')];
  if (kAt === undefined || ofAt === undefined) return reader.fail(at, '{ k, of }: how many, of whom');
  const of = reader.list(ofAt, 'a list of peers and groups').map((memberAt) => {
    const name = reader.string(memberAt, 'the name of a peer or group');
    return { name, memberAt };
  });
  const seen = new Set<string>();
  for (const { name, memberAt } of of) {
    if (seen.has(name)) reader.fail(memberAt, `each member once, and ${name} is named already`);
    seen.add(name);
  }
  if (of.length === 0) reader.fail(ofAt, 'at least one peer or group');
  const k = reader.count(kAt, 'a whole number, 1 or more');
  if (k > of.length) reader.fail(kAt, `a number from 1 to ${of.length}, the number of members`);
  return { k, of: of.map(({ name }) => name) };
}

/** Refuses unknown members, cycles, and an author who would be counted twice (threats.md, 12). */
function checkMembers(reader: PolicyReader, at: At, names: Names, group: Group, path: readonly string[]): void {
  const seen = new Map<string, string>();
  const walk = (inner: Group, way: readonly string[]): void => {
    if (way.length > MAX_GROUP_DEPTH) reader.fail(at, `groups nested at most ${MAX_GROUP_DEPTH} deep`);
    for (const name of inner.of) {
      const member = memberOf(names, name);
      if (member === undefined) return reader.fail(at, `members that are peers or groups, and ${name} is neither`);
      if ('group' in member) {
        if (way.includes(name)) reader.fail(at, `no circle, and ${[...way, name].join(' > ')} is one`);
        walk(member.group, [...way, name]);
      } else {
        const before = seen.get(member.author);
        const here = way.length === 0 ? 'directly' : `in ${way.join(' > ')}`;
        if (before !== undefined) reader.fail(at, `each author once, and ${name} stands ${before} and ${here}`);
        seen.set(member.author, here);
      }
    }
  };
  walk(group, path);
}

/** Who else hears of a private group. Its own names: a rule cannot count on what only some can see. */
export function readPrivate(reader: PolicyReader, at: At | undefined, peers: Policy['peers']): Policy['private'] {
  const groups: Record<string, Policy['private'][string]> = Object.create(null);
  const nameOfScope = new Map<string, string>();
  for (const [name, groupAt] of at === undefined ? [] : reader.map(at, 'a mapping of names to private groups')) {
    checkName(reader, groupAt.keyAt, name);
    const fields = reader.map(groupAt, '{ scope, members }', ['scope', 'members']);
    const [scopeAt, membersAt] = [fields.get('scope'), fields.get('members')];
    if (scopeAt === undefined || membersAt === undefined) return reader.fail(groupAt, '{ scope, members }');
    const scope = reader.string(scopeAt, 'the id of a group: 32 hex digits, in quotes');
    if (!PRIVATE_SCOPE.test(scope)) reader.fail(scopeAt, 'the id of a group: 32 lower-case hex digits');
    const twin = nameOfScope.get(scope);
    if (twin !== undefined) reader.fail(scopeAt, `an id of its own (${twin} has this one)`);
    nameOfScope.set(scope, name);
    const members = new Set<string>();
    for (const memberAt of reader.list(membersAt, 'a list of peers')) {
      const member = reader.string(memberAt, 'the name of a peer');
      if (peers[member] === undefined) reader.fail(memberAt, 'the name of a peer in this file');
      if (members.has(member)) reader.fail(memberAt, `each member once, and ${member} is named already`);
      members.add(member);
    }
    groups[name] = { scope, members: [...members] };
  }
  return groups;
}

/** A peer's name, a group's name, or a group in place. */
export function readWhen(reader: PolicyReader, at: At, names: Names): string | Group {
  if (at.node !== null && 'items' in at.node) {
    const group = readGroup(reader, at);
    checkMembers(reader, at, names, group, []);
    return group;
  }
  const name = reader.string(at, 'a peer, a group, or { k, of }');
  if (memberOf(names, name) === undefined) reader.fail(at, 'the name of a peer or group in this file');
  return name;
}

function checkName(reader: PolicyReader, at: At, name: string): void {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH) {
    reader.fail(at, `a name of at most ${MAX_NAME_LENGTH} letters, digits, ".", "_" and "-"`);
  }
  if (name === SELF_NAME) reader.fail(at, `another name: ${SELF_NAME} stands for whoever owns this node`);
}
