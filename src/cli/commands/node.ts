import { shortDigest, type Digest } from '../../crypto/digest.ts';
import type { Admission } from '../../exchange/record/types.ts';
import { connect } from '../../node/connect.ts';
import { UnavailableError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { jsonLine, note, printLine, printResult } from '../output.ts';

interface StartFlags {
  readonly role: 'peer' | 'bootstrap';
  readonly listen?: string[];
}

/** Runs until Ctrl-C. With `--json`: one line when it listens, one for each record that arrives. */
export async function start(context: Context, flags: StartFlags): Promise<undefined> {
  const { runNode } = await import('../../node/run-node.ts');
  await runNode({
    home: context.home,
    role: flags.role,
    ...(flags.listen && { listen: flags.listen }),
    signal: context.signal,
    onReady: (ready) => {
      if (context.json) printLine(context, jsonLine({ event: 'ready', ...ready }));
      else {
        printLine(context, `node of ${ready.author}`);
        for (const address of ready.addresses) printLine(context, `listening on ${address}`);
        printLine(context, 'Ctrl-C stops it.');
      }
    },
    onAdmission: (admission, from) => {
      if (context.json) for (const event of arrivals(admission)) printLine(context, jsonLine({ ...event, from }));
      else if (admission.result === 'admitted') {
        for (const { record } of arrivals(admission)) printLine(context, `new record ${record}`);
      } else if (admission.result === 'refused') note(context, `refused a record from ${from}: ${admission.detail}`);
    },
    onAlert: ({ code, message }) => {
      if (context.json) printLine(context, jsonLine({ event: 'alert', code, message }));
      else note(context, message);
    },
    onTrouble: (what, error) => {
      if (context.verbose) note(context, `${what}: ${error.message}`);
    },
  });
  return undefined;
}

interface Arrival {
  readonly event: Admission['result'];
  readonly record?: Digest;
  readonly reason?: string;
}

/** Records that were held back until this one came are admitted with it, and are told like it. */
function arrivals(admission: Admission): Arrival[] {
  switch (admission.result) {
    case 'admitted':
      return [admission.record, ...(admission.released ?? [])].map(({ id }) => ({ event: 'admitted', record: id }));
    case 'refused':
      return [{ event: 'refused', reason: admission.reason }];
    default:
      return [{ event: admission.result, record: admission.id }];
  }
}

interface Status {
  readonly running: boolean;
  readonly author: string;
  readonly network: string;
  readonly addresses: readonly string[];
  readonly reachability: 'public' | 'relayed' | 'unknown' | null;
  readonly peers: readonly { readonly name: string | null; readonly peerId: string; readonly address: string }[];
  readonly feeds: readonly { readonly name: string; readonly seq: number; readonly scope: string }[];
  readonly frozen: readonly { readonly name: string; readonly rivals: boolean }[];
  readonly outbox: number;
  readonly alerts: readonly { readonly message: string }[];
  readonly refused: Readonly<Record<string, number>>;
  readonly refusedLast: readonly {
    readonly from: string;
    readonly name?: string;
    readonly record?: Digest;
    readonly reason: string;
    readonly detail: string;
    readonly count: number;
  }[];
}

const REACHED = {
  public: 'directly, from the Internet',
  relayed: 'through a relay',
  unknown: 'nobody has said; on your own network, perhaps only there',
} as const;

export async function status(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  const state = await home.call<Status>('status', {}, context.signal);
  printResult(context, state, () => [
    state.running ? 'The node is running.' : 'No node runs for this home (portalgun node start).',
    `author   ${state.author}`,
    `network  ${state.network}`,
    ...state.addresses.map((address) => `address  ${address}`),
    ...(state.reachability === null ? [] : [`reached  ${REACHED[state.reachability]}`]),
    ...state.peers.map(({ name, peerId, address }) => `peer     ${name ?? `stranger ${peerId}`} at ${address}`),
    ...state.feeds.map(({ name, seq, scope }) => `feed     ${name} (${scope}): ${seq} records`),
    ...state.frozen.map(({ name, rivals }) =>
      rivals
        ? `FROZEN   ${name}: two recoveries by one recovery key; portalgun ${name === 'me' ? 'key show' : `peer show ${name}`}`
        : `FROZEN   ${name} has signed two different records in one place`,
    ),
    ...(state.outbox === 0 ? [] : [`outbox   ${state.outbox} wait until a peer has said how far they have your feed`]),
    ...state.alerts.map(({ message }) => `ALERT    ${message}`),
    ...Object.entries(state.refused).map(([reason, count]) => `refused  ${count} × ${reason}`),
    ...state.refusedLast.flatMap(({ from, name, record, reason, detail, count }) => [
      `  ${count} × ${reason}${name === undefined ? '' : `, in the name of ${name}`}${record === undefined ? '' : `, record ${shortDigest(record)}`}`,
      `    from ${from}: ${detail}`,
    ]),
    ...(state.refusedLast.length === 0 ? [] : ['(portalgun why RECORD tells what is known of one)']),
  ]);
  return undefined;
}

export async function stop(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  if (!home.live) {
    throw new UnavailableError('node/not-running', 'no node runs for this home.');
  }
  await home.call('stop', {}, context.signal);
  printResult(context, { stopped: true }, () => 'The node is stopping.');
  return undefined;
}

export async function sync(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  const result = await home.call<{ admitted: number; peers: number }>('sync', {}, context.signal);
  printResult(context, result, ({ admitted, peers }) => `${admitted} new records from ${peers} connected peers.`);
  return undefined;
}
