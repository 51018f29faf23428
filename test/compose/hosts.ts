/** The hosts of docker-compose.test.yml: their homes lie on this machine, and their nodes are spoken to from here. */
import { readFileSync } from 'node:fs';
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
import { GRUB_RECIPE } from '../support/grub.ts';
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
  /** Cuts it off from the peers, or lets it back. */
  cut(): Promise<void>;
  heal(): Promise<void>;
}

const MESH = 'portalgun_mesh';

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
  const at = /^\/ip4\/([^/]+)/.exec(address)?.[1] ?? '';
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
    cut: async () => void (await docker.docker('network', 'disconnect', MESH, container)),
    heal: async () => void (await docker.docker('network', 'connect', '--ip', at, MESH, container)),
  };
  return host;
}

/** Of whom somebody knows at most one address. */
export type Acquaintance = Pick<Host, 'name' | 'author'> & Partial<Pick<Host, 'address'>>;

/** Writes who knows whom. */
export async function introduce(
  host: Pick<Host, 'home'>,
  peers: readonly Acquaintance[],
  bootstrap: readonly string[],
): Promise<void> {
  let policy = defaultPolicyText();
  for (const { name, author, address } of peers) {
    policy = addPeer(policy, name, { id: author, addresses: address === undefined ? [] : [address] });
  }
  await writeFile(path.join(host.home, 'policy.yaml'), policy);
  const lines = ['mdns: false', 'listen: [/ip4/0.0.0.0/tcp/4001]', `bootstrap: ${JSON.stringify(bootstrap)}`];
  await writeFile(path.join(host.home, 'config.yaml'), `${lines.join('\n')}\n`);
}

/** Publishes a recipe of this name. When it resolves, that is acknowledged: nothing may lose it any more. */
export async function publish(host: Pick<Host, 'call'>, name: string, offline = false): Promise<void> {
  await host.call('publish.recipe', { yaml: recipeNamed(name), offline });
}

/** The smallest recipe there is, under any name. */
function recipeNamed(name: string): string {
  return readFileSync(GRUB_RECIPE, 'utf8').replace(/^name: .*$/m, `name: ${name}`);
}

/** Names of the recipes that are stored there. */
export async function recipesAt(host: Pick<Host, 'call'>): Promise<ReadonlySet<string>> {
  const list: Answer[] = await host.call('recipe.list');
  return new Set(list.map(({ recipe }): string => recipe.split('/').at(-1).split('@')[0]));
}
