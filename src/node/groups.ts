/** Private groups of this home's policy: who is in them, what they offer, and publishing in one. */
import { RefusedError, UnavailableError, UsageError } from '../errors.ts';
import type { PrivateGroup } from '../exchange/p2p/types.ts';
import { comparePositions, judge } from '../exchange/record/index.ts';
import type { Draft } from '../exchange/record/index.ts';
import type { VerifiedRecord } from '../exchange/record/types.ts';
import type { Known } from './knowledge.ts';
import { isUnsure } from './outbox.ts';
import { networkOf, signerOf, signingKey, type Session } from './session.ts';

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
    const { author } = session.identity;
    if (signingKey(session).id !== author || session.store.keysOf(author, 'public').revoked) {
      throw new RefusedError(
        'group/key-changed',
        `your key has changed since: nobody in ${name} takes what you sign now`,
        {
          hint: 'A group goes by its members’ first keys. Publish it to everybody, or hand the file over.',
        },
      );
    }
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

async function isConfirmed(session: Session, scope: string, signal: AbortSignal): Promise<boolean> {
  if (!(await networkOf(session).confirmGroup(scope, signal))) return false;
  // A restored home may have forgotten all of it: who has nothing of it confirms nothing.
  return !(await isUnsure(session.home)) || (await session.store.head(session.identity.author, scope)) !== undefined;
}
