import { connect } from '../../node/connect.ts';
import type { Rivals } from '../../node/rivals.ts';
import type { Context } from '../context.ts';
import { fitting, note, printResult, shortAuthor, table } from '../output.ts';
import { rivalLines } from '../rivals.ts';

interface Peer {
  readonly name: string;
  readonly author: string;
  readonly addresses: readonly string[];
  readonly follow: boolean;
  /** As the policy has them: `0.<64 hex digits>`. */
  readonly recovery: readonly string[];
  readonly connected: boolean;
  readonly records: number;
  readonly fresh: boolean;
  readonly rivals: Rivals | null;
}

interface AddFlags {
  readonly name?: string;
  readonly address?: string[];
  readonly auto?: string[];
}

export async function add(context: Context, invitation: string, flags: AddFlags): Promise<undefined> {
  const home = await connect(context.home);
  const added = await home.call<Pick<Peer, 'name' | 'author' | 'recovery'> & { auto: string[]; reached: string }>(
    'peer.add',
    { invitation, name: flags.name, addresses: flags.address ?? [], auto: flags.auto ?? [] },
    context.signal,
  );
  printResult(context, added, ({ name, author, recovery, auto, reached }) =>
    fitting(context, [
      `${name} is ${author}`,
      `You follow ${name}: their feed is carried and shown (${reached}).`,
      ...(recovery.length === 0
        ? []
        : ['Their invitation names their recovery key: a feed with another one is not taken for theirs.']),
      auto.length > 0
        ? `Their patches of class ${auto.join(', ')} to their own recipes may now apply by themselves.`
        : 'Nothing of theirs is applied by itself; policy.yaml is where you may say otherwise.',
    ]),
  );
  return undefined;
}

export async function list(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  const peers = await home.call<Peer[]>('peer.list', {}, context.signal);
  printResult(context, peers, () =>
    peers.length === 0
      ? 'No peers yet. Add one with: portalgun peer add INVITATION'
      : table(
          ['peer', 'follow', 'state', 'records', 'author'],
          peers.map((peer) => [
            peer.name,
            peer.follow ? 'yes' : 'no',
            stateOf(peer),
            String(peer.records),
            shortAuthor(peer.author),
          ]),
        ),
  );
  return undefined;
}

export async function show(context: Context, peer: string): Promise<undefined> {
  const home = await connect(context.home);
  const found = await home.call<Peer>('peer.show', { peer }, context.signal);
  printResult(context, found, () => [
    `peer     ${found.name}`,
    `author   ${found.author}`,
    `follow   ${found.follow ? 'yes' : 'no'}`,
    `state    ${stateOf(found)}`,
    `records  ${found.records}`,
    ...found.addresses.map((address) => `address  ${address}`),
    ...found.recovery.map((pin) => `recovery ${pin}`),
    ...rivalLines(found.name, found.rivals),
  ]);
  return undefined;
}

/** Of two recoveries of a feed, the one that its owner has made. */
export async function choose(context: Context, peer: string, record: string): Promise<undefined> {
  const home = await connect(context.home);
  const chosen = await home.call<{ name: string; rivals: Rivals }>('peer.choose', { peer, record }, context.signal);
  printResult(context, chosen, ({ name, rivals }) => [
    `The feed of ${name} goes on from the recovery that you have chosen; the other is void here.`,
    ...rivalLines(name, rivals),
    `What follows it comes with the next sync. To choose the other after all: the same command.`,
  ]);
  return undefined;
}

function stateOf(peer: Peer): string {
  return [peer.connected ? 'connected' : 'away', peer.fresh ? 'fresh' : 'stale'].join(', ');
}

export async function remove(context: Context, peer: string): Promise<undefined> {
  const home = await connect(context.home);
  const removed = await home.call<{ name: string }>('peer.remove', { peer }, context.signal);
  printResult(context, removed, ({ name }) => `${name} is removed from your policy. Records already stored stay.`);
  return undefined;
}

export function follow(context: Context, peer: string): Promise<undefined> {
  return setFollowing(context, peer, true);
}

export function unfollow(context: Context, peer: string): Promise<undefined> {
  return setFollowing(context, peer, false);
}

async function setFollowing(context: Context, peer: string, follows: boolean): Promise<undefined> {
  const home = await connect(context.home);
  const result = await home.call<{ name: string }>(follows ? 'peer.follow' : 'peer.unfollow', { peer }, context.signal);
  printResult(context, result, ({ name }) => (follows ? `You follow ${name}.` : `You no longer follow ${name}.`));
  if (follows && !home.live)
    note(context, 'No node runs for this home: their feed comes when it does (portalgun node start).');
  return undefined;
}
