/** People whose nodes this home knows: kept in the policy file, which stays the person's own. */
import { RefusedError, UsageError } from '../../errors.ts';
import { formatPin, isStoredBesidePin } from '../../exchange/record/index.ts';
import { addPeer, addRule, removePeer, setFollow } from '../../exchange/trust/index.ts';
import type { ChangeClass } from '../../recipe/types.ts';
import { parseInvitation } from '../invitation.ts';
import { stalenessAt } from '../knowledge.ts';
import { chooseRival, rivalsOf } from '../rivals.ts';
import type { Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { PUBLIC_SCOPE } from '../../exchange/record/feed-link.ts';

export async function add(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const invitation = parseInvitation(args.text('invitation'));
  if (invitation.author === session.identity.author) {
    throw new UsageError('peer/self', 'that invitation is your own.', {
      hint: 'Send it to your peer, and add theirs here.',
    });
  }
  if (invitation.network !== undefined && invitation.network !== session.config.network) {
    throw new UsageError(
      'peer/other-network',
      `that invitation is for the network ${invitation.network}; this home is in ${session.config.network}.`,
      { hint: 'Set `network:` in config.yaml if you want to be there.' },
    );
  }
  const name = args.optionalText('name') ?? `peer-${invitation.author.slice('ed25519:'.length, 'ed25519:'.length + 8)}`;
  const addresses = [...invitation.addresses, ...args.texts('addresses')];
  const { recovery } = invitation;
  if (isStoredBesidePin(recovery, session.store.keysOf(invitation.author, PUBLIC_SCOPE))) {
    throw new RefusedError(
      'peer/other-recovery',
      'what is stored here of that author names another recovery key than the invitation does.',
      {
        hint: 'Ask them in person: one of the two is not theirs. The feed that is here is kept; nothing was added.',
        facts: { author: invitation.author },
      },
    );
  }
  const automatic = args.texts('auto').map(automaticClass);
  await session.policy.edit((text) => {
    const withPeer = addPeer(text, name, { id: invitation.author, addresses, recovery });
    return automatic.length === 0
      ? withPeer
      : addRule(withPeer, { recipes: [`${name}/*`], auto: automatic, when: name });
  });
  const reached = await reach(session, addresses, signal);
  return {
    name,
    author: invitation.author,
    addresses,
    follow: true,
    recovery: recovery.map(formatPin),
    auto: automatic,
    reached,
  };
}

/** Classes that one peer's voice may ever apply by itself. */
function automaticClass(text: string): ChangeClass {
  if (text === 'wording' || text === 'choices') return text;
  throw new UsageError('peer/not-automatic', `changes of class ${text} are never automatic with one voice`, {
    hint: 'Only wording and choices can be; policy.yaml can say more.',
  });
}

/** Dials the new peer at once, so that a wrong address shows now and not tomorrow. */
async function reach(session: Session, addresses: readonly string[], signal: AbortSignal): Promise<string> {
  if (!session.exchange) return 'no node runs here: it will be dialled when one does';
  const problems: string[] = [];
  for (const address of addresses) {
    try {
      await session.exchange.connect(address, signal);
      return 'connected';
    } catch (error) {
      problems.push(`${address}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems.length === 0 ? 'no address known' : `not reached yet (${problems.join('; ')})`;
}

export async function list(session: Session): Promise<unknown> {
  const policy = await session.policy.current();
  return Promise.all(Object.keys(policy.peers).map((name) => describe(session, name)));
}

export async function show(session: Session, args: Arguments): Promise<unknown> {
  return describe(session, await peerName(session, args.text('peer')));
}

/** Which of two recoveries of a peer's feed is theirs, or of the own one (`me`). */
export async function choose(session: Session, args: Arguments): Promise<unknown> {
  const text = args.text('peer');
  const { peers } = await session.policy.current();
  const isOwn = text === 'me' || text === session.identity.author;
  const name = isOwn ? 'me' : await peerName(session, text);
  const author = isOwn ? session.identity.author : peers[name]!.id;
  return { name, author, rivals: await chooseRival(session, author, args.text('record')) };
}

export async function remove(session: Session, args: Arguments): Promise<unknown> {
  const name = await peerName(session, args.text('peer'));
  await session.policy.edit((text) => removePeer(text, name));
  return { name, removed: true };
}

export async function follow(session: Session, args: Arguments): Promise<unknown> {
  return setFollowing(session, args, true);
}

export async function unfollow(session: Session, args: Arguments): Promise<unknown> {
  return setFollowing(session, args, false);
}

async function setFollowing(session: Session, args: Arguments, follows: boolean): Promise<unknown> {
  const name = await peerName(session, args.text('peer'));
  await session.policy.edit((text) => setFollow(text, name, follows));
  if (follows) await session.exchange?.sync();
  return { name, follow: follows };
}

async function describe(session: Session, name: string): Promise<unknown> {
  const policy = await session.policy.current();
  const peer = policy.peers[name]!;
  const head = await session.store.head(peer.id, PUBLIC_SCOPE);
  const isStale = await stalenessAt(session);
  const connected = session.exchange?.peers().some(({ author }) => author === peer.id) ?? false;
  return {
    name,
    author: peer.id,
    addresses: peer.addresses,
    follow: peer.follow,
    recovery: (peer.recovery ?? []).map(formatPin),
    connected,
    records: head?.seq ?? 0,
    fresh: !isStale(peer.id),
    rivals: await rivalsOf(session, peer.id),
  };
}

/** By pet name or author id. Rejects with `peer/unknown`. */
export async function peerName(session: Session, text: string): Promise<string> {
  const { peers } = await session.policy.current();
  if (Object.hasOwn(peers, text)) return text;
  const byId = Object.entries(peers).find(([, peer]) => peer.id === text);
  if (byId) return byId[0];
  throw new UsageError('peer/unknown', `no peer ${text} in your policy`, {
    hint: 'portalgun peer list shows them; portalgun peer add INVITATION adds one.',
  });
}
