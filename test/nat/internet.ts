/**
 * A small Internet of a test's own: hosts with public addresses, and hosts behind routers that translate theirs. All of it
 * is in namespaces for processes, mounts and the network that end with one process, and no packet gets out of them.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { needPrograms, skip } from '../support/skip.ts';

const run = promisify(execFile);

export interface Internet {
  /** A host with this public address, in a network of its own (/24). */
  addHost(name: string, address: string): Promise<void>;
  /** A host with a private address, behind a router that has this public one and passes on what the host begins. */
  addHidden(name: string, address: string, translation: 'same-ports' | 'random-ports'): Promise<void>;
  /** The program and its arguments that run another one on that host. */
  on(name: string): readonly string[];
  /** Runs it there; resolves with what it printed. */
  run(name: string, ...argv: readonly string[]): Promise<string>;
  /** Ends every process in it. */
  close(): Promise<void>;
}

/** Skips where no such namespaces can be made. */
export function needInternet(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) skip(context, 'network namespaces need root');
  needPrograms(context, 'ip', 'iptables', 'nsenter', 'setpriv', 'unshare');
}

/** What all networks are connected by: its end of each cable is named after the host, the host's end after it. */
const CORE = 'core';

export async function openInternet(): Promise<Internet> {
  const holder = spawn(
    'setpriv',
    // As for the docker daemon of test/compose: nothing survives this process, however it ends.
    ['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'].concat(
      // `ip netns` keeps its names below /run.
      ['sh', '-ec', 'mount -t tmpfs tmpfs /run; mkdir /run/netns; echo ready; exec sleep infinity'],
    ),
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = once(holder, 'exit');
  await Promise.race([once(holder.stdout, 'data'), ended]);
  const children = await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').catch(() => '');
  const first = Number(children.trim());
  if (!(first > 0)) throw new Error('no namespaces can be made here');

  const inside = ['nsenter', `--target=${first}`, '--mount', '--net', '--pid'];
  const call = async ([program = '', ...args]: readonly string[]): Promise<string> => (await run(program, args)).stdout;
  const script = (...lines: readonly string[]): Promise<string> => call([...inside, 'sh', '-ec', lines.join('\n')]);
  const on = (name: string): string[] => [...inside, 'ip', 'netns', 'exec', name];
  await script(...place(CORE), forwards(CORE));
  return {
    on,
    run: (name, ...argv) => call([...on(name), ...argv]),
    async addHost(name, address) {
      await script(...connected(name, address, CORE));
    },
    async addHidden(name, address, translation) {
      const router = `${name}-nat`;
      await script(
        ...connected(router, address, CORE),
        forwards(router),
        ...connected(name, '192.168.1.2', router),
        `ip netns exec ${router} iptables -t nat -A POSTROUTING -o ${CORE} -j MASQUERADE ${translation === 'random-ports' ? '--random' : ''}`,
      );
    },
    async close() {
      // The first process of the namespace: everything in it ends when it does, and it is waited for.
      process.kill(first, 'SIGKILL');
      await ended;
    },
  };
}

function place(name: string): string[] {
  return [`ip netns add ${name}`, `ip -n ${name} link set lo up`];
}

function forwards(name: string): string {
  return `ip netns exec ${name} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'`;
}

/** A new place with this address, whose every packet goes to `gateway`. */
function connected(name: string, address: string, gateway: string): string[] {
  const [end, otherEnd] = [gateway, name];
  const itsAddress = address.replace(/\d+$/, '1');
  return [
    ...place(name),
    `ip link add ${end} netns ${name} type veth peer name ${otherEnd} netns ${gateway}`,
    `ip -n ${name} addr add ${address}/24 dev ${end}`,
    `ip -n ${gateway} addr add ${itsAddress}/24 dev ${otherEnd}`,
    `ip -n ${name} link set ${end} up`,
    `ip -n ${gateway} link set ${otherEnd} up`,
    `ip -n ${name} route add default via ${itsAddress}`,
  ];
}
