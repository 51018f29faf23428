/** The hosts of docker-compose.test.yml: their homes lie on this machine, and their nodes are spoken to from here. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { defaultPolicyText } from '../../src/exchange/trust/policy.ts';
import { addPeer } from '../../src/exchange/trust/policy-edit.ts';
import type { AuthorId } from '../../src/exchange/record/types.ts';
import { peerIdOf } from '../../src/exchange/p2p/index.ts';
import { callNode } from '../../src/node/control-client.ts';
import { homeAt, openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import type { Answer } from '../support/cli.ts';
import { eventually } from '../support/node.ts';
import type { Docker } from './docker.ts';

export interface Host {
  readonly name: string;
  readonly author: AuthorId;
  readonly peerId: string;
  /** What others put into their policy. */
  readonly address: string;
  /** On this machine. */
  readonly home: string;
  /** An operation of its node, over the control socket. */
  call(operation: string, args?: unknown): Promise<Answer>;
  /** Resolves when its node answers. */
  up(): Promise<void>;
  /** SIGKILL, to everything in it. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface HostPlan {
  readonly name: string;
  readonly address: string;
}

/** Makes a home with an identity. It is nobody's peer yet. */
export async function makeHost(docker: Docker, { name, address }: HostPlan): Promise<Host> {
  const folder = path.join(docker.hosts, name);
  const home = path.join(folder, 'home');
  await mkdir(path.join(folder, 'run'), { recursive: true, mode: 0o700 });
  const made = homeAt({ PORTALGUN_HOME: home, XDG_RUNTIME_DIR: path.join(folder, 'run') });
  await openHome(made);
  const { identity } = await createIdentity(made);
  // In the container the home lies elsewhere, and the socket is named after that.
  const inside = homeAt({ PORTALGUN_HOME: '/home/node', XDG_RUNTIME_DIR: path.join(folder, 'run') });
  const call = async (operation: string, args: unknown = {}): Promise<Answer> =>
    callNode(inside.controlSocket)(operation, args, AbortSignal.timeout(60_000));
  const container = `portalgun_${name}_1`;
  const host: Host = {
    name,
    author: identity.author,
    peerId: peerIdOf(identity.author),
    address,
    home,
    call,
    async up() {
      await eventually(
        () =>
          call('ping').then(
            () => true,
            () => false,
          ),
        (answers) => answers,
      );
    },
    kill: async () => void (await docker.docker('kill', '--signal', 'KILL', container)),
    async start() {
      await docker.docker('start', container);
      await host.up();
    },
  };
  return host;
}

/** Writes who knows whom. */
export async function introduce(host: Host, peers: readonly Host[], bootstrap: readonly string[]): Promise<void> {
  let policy = defaultPolicyText();
  for (const { name, author, address } of peers) policy = addPeer(policy, name, { id: author, addresses: [address] });
  await writeFile(path.join(host.home, 'policy.yaml'), policy);
  const lines = ['mdns: false', 'listen: [/ip4/0.0.0.0/tcp/4001]', `bootstrap: ${JSON.stringify(bootstrap)}`];
  await writeFile(path.join(host.home, 'config.yaml'), `${lines.join('\n')}\n`);
}

/** Own records that a home has of an author. */
export async function seqAt(host: Host, author: AuthorId): Promise<number> {
  const { feeds } = await host.call('status');
  return feeds.find((feed: Answer) => feed.author === author && feed.scope === 'public')?.seq ?? 0;
}
