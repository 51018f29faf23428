/** The long-running node: network, control API, and heads kept fresh, until it is told to stop. */
import { createExchange } from '../exchange/p2p/index.ts';
import type { Admission, AuthorId } from '../exchange/record/types.ts';
import { parseManifest } from '../workshop/image/manifest.ts';
import { startControlServer } from './control-server.ts';
import { announceHead } from './heads.ts';
import type { Home } from './home.ts';
import { MANIFEST_BLOB } from './operations/crosscheck.ts';
import { runOperation } from './operations/index.ts';
import { carried, carries, openSession, type Session } from './session.ts';

/** Largest manifest that travels: 100,000 files are about 15 MB. */
export const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

/** The own head is issued anew this often, so that it never expires while the node runs. */
export const HEAD_REFRESH_MS = 24 * 60 * 60 * 1000;

export interface NodeOptions {
  readonly home: Home;
  readonly role: 'peer' | 'bootstrap';
  /** Overrides `listen` of config.yaml. */
  readonly listen?: readonly string[];
  readonly signal: AbortSignal;
  readonly onReady: (ready: { author: AuthorId; addresses: readonly string[]; control: string }) => void;
  readonly onAdmission?: (admission: Admission, from: string) => void;
}

/** Resolves when it has stopped cleanly. Rejects with `store/locked` where another process holds this home. */
export async function runNode(options: NodeOptions): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const session = await openSession(options.home, { network: (offline) => startNetwork(offline, options) });
  try {
    const control = await startControlServer(options.home.controlSocket, async (operation, args, callSignal) => {
      if (operation === 'stop') {
        setImmediate(() => stop.abort());
        return {};
      }
      return runOperation(session, operation, args, callSignal);
    });
    const refresh = setInterval(() => {
      announceHead(session).catch((error: unknown) => process.emitWarning(error as Error));
    }, HEAD_REFRESH_MS);
    try {
      await announceHead(session);
      options.onReady({
        author: session.identity.author,
        addresses: session.exchange?.addresses() ?? [],
        control: control.path,
      });
      await aborted(signal);
    } finally {
      clearInterval(refresh);
      await control.close();
    }
  } finally {
    await session.close();
  }
}

function startNetwork(session: Session, options: NodeOptions) {
  const trusted = () =>
    Object.values(session.policy.last().peers).map(({ id, addresses }) => ({ author: id, addresses }));
  return createExchange({
    seed: session.identity.seed,
    network: session.config.network,
    store: session.store,
    listen: options.listen ?? session.config.listen,
    bootstrap: session.config.bootstrap,
    mdns: session.config.mdns,
    role: options.role,
    follows: (author) => carries(session, author),
    followed: () => carried(session),
    trusted,
    // A list of names and digests is the only typed blob there is. No type can carry an image or a file's content.
    blobTypes: { [MANIFEST_BLOB]: { maxBytes: MAX_MANIFEST_BYTES, check: (bytes) => void parseManifest(bytes) } },
    ...(options.onAdmission && { onAdmission: options.onAdmission }),
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
