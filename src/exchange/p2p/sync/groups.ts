/**
 * Private groups: each is synced by itself, with its members alone, after noise has proven who they are. A member hears of
 * a group only that this node is in it; anybody else hears nothing, and cannot tell a group that is not here from one that
 * is not theirs.
 *
 * Who signs in a group's feed, the public feed of its author tells. Of who has revoked their key nothing is asked or given
 * until they have another: what that one signs may be a thief's.
 */
import type { AuthorId, Scope } from '../../record/types.ts';
import { GROUP_MEMORY_MAX_MARKS } from '../limits.ts';
import type { PrivateGroup } from '../types.ts';
import type { SyncContext } from './context.ts';
import { MarkMemory } from './mark-memory.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';

export interface Groups {
  /** Those that this author is a member of too. */
  sharedWith(author: AuthorId | null): readonly SyncContext[];
  members(scope: Scope): readonly AuthorId[];
}

export interface GroupsOptions {
  readonly self: AuthorId;
  /** Asked anew each time: a member that was removed is none at once. */
  readonly groups: () => readonly PrivateGroup[];
  readonly context: Omit<SyncContext, 'scope' | 'carries' | 'carried' | 'renewHead' | 'said' | 'heard'>;
  readonly renewHead: (scope: Scope) => Promise<void>;
}

export function createGroups({ self, groups, context, renewHead }: GroupsOptions): Groups {
  const memories = new Map<Scope, Pick<SyncContext, 'said' | 'heard'>>();
  const current = (): readonly PrivateGroup[] => {
    const mine = groups().filter(({ scope, members }) => scope !== PUBLIC_SCOPE && members.includes(self));
    const scopes = new Set(mine.map(({ scope }) => scope));
    for (const scope of memories.keys()) if (!scopes.has(scope)) memories.delete(scope);
    return mine;
  };
  const memoryOf = (scope: Scope): Pick<SyncContext, 'said' | 'heard'> => {
    const memory = memories.get(scope) ?? {
      said: new MarkMemory(GROUP_MEMORY_MAX_MARKS),
      heard: new MarkMemory(GROUP_MEMORY_MAX_MARKS),
    };
    memories.set(scope, memory);
    return memory;
  };
  const writes = (author: AuthorId): boolean => !context.store.keysOf(author, PUBLIC_SCOPE).revoked;
  const contextOf = ({ scope, members }: PrivateGroup): SyncContext => ({
    ...context,
    ...memoryOf(scope),
    scope,
    carries: (author) => members.includes(author) && writes(author),
    carried: () => members.filter(writes),
    renewHead: () => renewHead(scope),
  });
  return {
    sharedWith: (author) =>
      author === null
        ? []
        : current()
            .filter(({ members }) => members.includes(author))
            .map(contextOf),
    members: (scope) => current().find((group) => group.scope === scope)?.members ?? [],
  };
}
