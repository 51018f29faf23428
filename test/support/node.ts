/** A real node of a home, in a process of its own, listening on loopback. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { Environment } from '../../src/node/home.ts';
import { eventOf, json, startCli, type Answer } from './cli.ts';
import type { TestHome } from './temp-home.ts';

export interface RunningNode {
  readonly author: string;
  readonly addresses: readonly string[];
  readonly process: ChildProcess;
  /** As Ctrl-C does. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Waits for it to end by itself. Resolves with the exit code. */
  ended(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export async function startNode(
  home: TestHome,
  listen = '/ip4/127.0.0.1/tcp/0',
  role: 'peer' | 'bootstrap' = 'peer',
  through: readonly string[] = [],
): Promise<RunningNode> {
  const child = startCli(home, ['node', 'start', '--listen', listen, '--role', role, '--json'], { through });
  const complaints: string[] = [];
  child.stderr!.on('data', (chunk: Buffer) => complaints.push(String(chunk)));
  const lines: Answer[] = [];
  let ready: Answer;
  try {
    ready = await eventOf(child, (event) => lines.push(event) > 0 && event.event === 'ready');
  } catch (error) {
    throw new Error(`${String(error)}: ${JSON.stringify(lines)} ${complaints.join('')}`, { cause: error });
  }
  child.stdout!.resume(); // what it says later is of no interest, but must not fill the pipe
  const ended = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  };
  const end = (signal: 'SIGINT' | 'SIGKILL'): Promise<number | null> => {
    child.kill(signal);
    return ended();
  };
  return {
    author: ready.author,
    addresses: ready.addresses,
    process: child,
    stop: () => end('SIGINT'),
    ended,
    kill: async () => void (await end('SIGKILL')),
  };
}

/** Makes an identity, and a config that looks for nobody by itself. */
export async function settle(home: TestHome): Promise<Answer> {
  const made: Answer = await json(home, ['init']);
  await writeFile(path.join(home.home.config, 'config.yaml'), 'mdns: false\n');
  return made;
}

/** For the environment of a node: whatever it sends is kept, as it was before it was encrypted (listen-in.ts). */
export function listened({ folder }: TestHome) {
  const listener = pathToFileURL(path.join(import.meta.dirname, 'listen-in.ts')).href;
  return { LISTEN_IN: path.join(folder, 'sent'), NODE_OPTIONS: `--import ${listener}` };
}

/**
 * Gives people identities, running nodes, and each the others' invitations, under these names; resolves when all are
 * connected. The nodes are put into `running`, for whoever called to stop.
 *
 * @returns what was told when their identities were made
 */
export async function befriend<Name extends string>(
  people: Readonly<Record<Name, TestHome>>,
  running: RunningNode[],
  /** More of an environment, for the nodes alone. */
  added: (home: TestHome) => Environment = () => ({}),
): Promise<Readonly<Record<Name, Answer>>> {
  const everybody = Object.entries(people) as [Name, TestHome][];
  const made = {} as Record<Name, Answer>;
  for (const [name, home] of everybody) made[name] = await settle(home);
  for (const [, home] of everybody)
    running.push(await startNode({ ...home, environment: { ...home.environment, ...added(home) } }));
  for (const [name, home] of everybody) {
    const { invitation } = await json(home, ['id', '--invite']);
    for (const [, other] of everybody.filter(([one]) => one !== name))
      await json(other, ['peer', 'add', invitation, '--name', name]);
  }
  // What is published before anybody is connected waits, and has no place yet.
  for (const [name, home] of everybody) {
    const met = ({ peers }: Answer): boolean =>
      everybody.every(([one]) => one === name || peers.some((peer: Answer) => peer.name === one));
    await eventually(() => json(home, ['node', 'status']), met);
  }
  return made;
}

/** How long a test waits for something before it gives up, ms: a connection's death is noticed after some 20 s. */
const PATIENCE_MS = 120_000;
/** Between two questions, ms: who is asked needs the processor. */
const ASK_AGAIN_MS = 50;

/** Asks again until `wanted` holds. Rejects with the last answer where that does not come to pass. */
export async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (patience.aborted) throw new Error(`it did not come to pass; the last answer was ${JSON.stringify(answer)}`);
    await pause(ASK_AGAIN_MS);
  }
}
