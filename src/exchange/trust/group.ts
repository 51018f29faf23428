/**
 * Groups: k of n members, where a member is a peer or another group.
 *
 * The denominator is always the configured set: nobody's silence makes a group smaller (threats.md, 13).
 */
import type { AuthorId } from '../record/types.ts';
import type { Group, Policy } from './types.ts';

/** The part of a policy that names are looked up in. */
export type Names = Pick<Policy, 'peers' | 'groups'>;

/** One step down from a group: what a member's name stands for. */
export type Member = { readonly name: string } & ({ readonly author: AuthorId } | { readonly group: Group });

export function memberOf(names: Names, name: string): Member | undefined {
  const peer = names.peers[name];
  if (peer !== undefined) return { name, author: peer.id };
  const group = names.groups[name];
  return group === undefined ? undefined : { name, group };
}

/** The group that `when` or `confirm` names. A peer by itself is one of one. */
export function groupFor(names: Names, when: string | Group): Group {
  if (typeof when !== 'string') return when;
  return names.groups[when] ?? { k: 1, of: [when] };
}

/** Whether enough members are for it. A nested group is a member that is satisfied or not. */
export function isSatisfied(names: Names, group: Group, isFor: (author: AuthorId) => boolean): boolean {
  let satisfied = 0;
  for (const name of group.of) {
    const member = memberOf(names, name);
    if (member === undefined) continue;
    if ('author' in member ? isFor(member.author) : isSatisfied(names, member.group, isFor)) satisfied += 1;
  }
  return satisfied >= group.k;
}

/** Names of the peers in a group, nested groups included, in the order of the file. */
export function peersIn(names: Names, group: Group): string[] {
  return group.of.flatMap((name) => {
    const member = memberOf(names, name);
    if (member === undefined) return [];
    return 'author' in member ? [name] : peersIn(names, member.group);
  });
}

/** `alice`, `core (2 of alice, bob, carol)` or `2 of alice, bob`: for sentences. */
export function describeWhen(names: Names, when: string | Group): string {
  if (typeof when !== 'string') return `${when.k} of ${when.of.join(', ')}`;
  const group = names.groups[when];
  return group === undefined ? when : `${when} (${group.k} of ${group.of.join(', ')})`;
}
