/** Private groups of this home's policy: who is in them, what they offer, and publishing in one. */
import { UnavailableError, UsageError } from '../errors.ts';
import type { PrivateGroup } from '../exchange/p2p/types.ts';
import { comparePositions, isStoredBesidePin, isVouchedFor, judge, PUBLIC_SCOPE } from '../exchange/record/index.ts';
import type { Draft } from '../exchange/record/index.ts';
import type { AuthorId, Scope, VerifiedRecord } from '../exchange/record/types.ts';
import type { Knower, Known } from './knowledge.ts';
import { isUnsure } from './outbox.ts';
import type { Signer } from '../exchange/store/index.ts';
import { peersOf } from './policy-peers.ts';
import { networkOf, signerOf, type Session } from './session.ts';

export interface NamedGroup extends PrivateGroup {
  readonly name: string;
}

/** By the last good policy. The owner of this home is a member of each. */
export function groupsOf({ policy, identity }: Pick<Session, 'policy' | 'identity'>): NamedGroup[] {
  const { peers, private: groups } = policy.last();
  return Object.entries(groups).map(([name, { scope, members }]) => ({
    name,
    scope,
    members: [identity.author, ...members.flatMap((member) => peers[member]?.id ?? [])],
  }));
}

function groupNamed(session: Session, name: string): NamedGroup {
  const groups = groupsOf(session);
  const group = groups.find((one) => one.name === name);
  if (group !== undefined) return group;
  throw new UsageError('group/unknown', `there is no private group ${name} in your policy`, {
    hint:
      groups.length === 0
        ? `Make one: portalgun group add ${name} --member PEER`
        : `There are: ${groups.map((one) => one.name).join(', ')}`,
  });
}

/** Why what is stored of a member in a group counts for nothing now. */
export type HeldBack = 'key-changed' | 'revoked' | 'frozen';

/**
 * The newest key of a member vouches for their feed in a group (docs/records.md). Until it does, what is here of them may be a
 * thief's. Null: nothing of them is held back.
 */
export async function heldBack(session: Knower, author: AuthorId, scope: Scope): Promise<HeldBack | null> {
  const head = await session.store.head(author, scope);
  if (head === undefined) return null;
  const keys = session.store.keysOf(author, PUBLIC_SCOPE);
  if (keys.revoked) return 'revoked';
  if (!isVouchedFor(keys, head)) return 'key-changed';
  // Which of two keys is the author's is not known, or is known to be none of those that are here.
  const isForked = (await session.store.frozen()).some((one) => one.author === author && one.scope === PUBLIC_SCOPE);
  return isForked || isStoredBesidePin(peersOf(session.policy.last()).pins.get(author) ?? [], keys) ? 'frozen' : null;
}

/** Recipes that members offer in private groups. Only a person takes them: nothing automatic counts what they say. */
export async function groupRecipes(session: Session): Promise<(Known<'recipe'> & { readonly group: string })[]> {
  const groups = new Map(groupsOf(session).map((group) => [group.scope, group]));
  if (groups.size === 0) return [];
  const forks = await session.store.frozen();
  const found: (Known<'recipe'> & { readonly group: string })[] = [];
  for await (const record of session.store.all('recipe')) {
    const { author, scope } = record.link;
    const group = groups.get(scope);
    if (group === undefined || !group.members.includes(author)) continue;
    if ((await heldBack(session, author, scope)) !== null) continue;
    const fork = forks.find((one) => one.author === author && one.scope === scope);
    if (fork !== undefined && comparePositions(record.link, fork.at) >= 0) continue;
    const judged = judge(record);
    if (judged.understood && judged.meaning.kind === 'recipe')
      found.push({ record, meaning: judged.meaning, group: group.name });
  }
  return found;
}

/**
 * The next record of the own feed in a group. It gets its place when a member has answered: one who has more of this feed
 * than is here brings it first (threat 8). It does not wait in the outbox: that is for everybody's feed.
 */
export async function publishInGroup(
  session: Session,
  name: string,
  draft: Draft,
  { offline, signal }: { readonly offline: boolean; readonly signal: AbortSignal },
): Promise<VerifiedRecord> {
  return session.inTurn(async () => {
    await session.policy.current();
    const { scope } = groupNamed(session, name);
    if (!offline && !(await isConfirmed(session, scope, signal))) {
      throw new UnavailableError(
        'group/nobody-there',
        `nobody in ${name} has answered how far they have your feed there`,
        {
          hint: 'Try again when one of them is connected (portalgun node status); --offline does not wait for that.',
        },
      );
    }
    const record = await session.store.append(await signerOf(session), scope, draft);
    await session.exchange?.announce(record);
    return record;
  });
}

/** Before the own key is changed: a copy of this home may have published more, and a member have it. The new key is to keep that. */
export async function catchUpInGroups(session: Session, signal: AbortSignal): Promise<void> {
  for (const { scope } of groupsOf(session)) await session.exchange?.confirmGroup(scope, signal);
}

/**
 * After a change of the own key: each group's feed goes on under the new one at once, so that what its members have is the
 * owner's word again, and nothing that the old key signs meanwhile is kept. Where this home may have forgotten a part of it,
 * `publishInGroup` does it, which asks a member first.
 */
export async function takeGroupsAlong(
  session: Session,
  signer: Signer,
): Promise<readonly { readonly name: string; readonly record: VerifiedRecord }[]> {
  if (await isUnsure(session.home)) return [];
  const followed: { name: string; record: VerifiedRecord }[] = [];
  for (const { name, scope } of groupsOf(session)) {
    if ((await session.store.head(session.identity.author, scope)) === undefined) continue;
    const record = await session.store.followKeys(signer, scope);
    if (record !== null) followed.push({ name, record });
  }
  return followed;
}

async function isConfirmed(session: Session, scope: string, signal: AbortSignal): Promise<boolean> {
  if (!(await networkOf(session).confirmGroup(scope, signal))) return false;
  // A restored home may have forgotten all of it: who has nothing of it confirms nothing.
  return !(await isUnsure(session.home)) || (await session.store.head(session.identity.author, scope)) !== undefined;
}
