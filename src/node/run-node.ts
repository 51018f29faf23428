/** The long-running node: network, control API, and heads kept fresh, until it is told to stop. */
import { createExchange } from '../exchange/p2p/index.ts';
import type { Admission, AuthorId } from '../exchange/record/types.ts';
import { manifestLines } from '../workshop/image/manifest-lines.ts';
import { parseManifest } from '../workshop/image/manifest.ts';
import { startControlServer } from './control-server.ts';
import type { Home } from './home.ts';
import { parseScreen, SCREEN_BLOB, SCREEN_MAX_BYTES } from './screen-evidence.ts';
import { MANIFEST_BLOB } from './operations/crosscheck.ts';
import { runOperation } from './operations/index.ts';
import { readPossession } from './possession.ts';
import { blobsInView } from './blobs-in-view.ts';
import { carried, carries, openSession, type Session } from './session.ts';

/** Largest manifest that travels: 100,000 files are about 15 MB. */
export const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

/** How often the policy file is looked at: a person edits it while the node runs. */
export const POLICY_RELOAD_MS = 2_000;

export interface NodeOptions {
  readonly home: Home;
  readonly role: 'peer' | 'bootstrap';
  /** Overrides `listen` of config.yaml. */
  readonly listen?: readonly string[];
  readonly signal: AbortSignal;
  readonly onReady: (ready: { author: AuthorId; addresses: readonly string[]; control: string }) => void;
  readonly onAdmission?: (admission: Admission, from: string) => void;
  /** What went wrong in the background, with whom. */
  readonly onTrouble?: (what: string, error: Error) => void;
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
    const watch = setInterval(() => void reloadPolicy(session, options), POLICY_RELOAD_MS);
    try {
      options.onReady({
        author: session.identity.author,
        addresses: session.exchange?.addresses() ?? [],
        control: control.path,
      });
      await aborted(signal);
    } finally {
      clearInterval(watch);
      await control.close();
    }
  } finally {
    await session.close();
  }
}

/** A policy that cannot be read leaves the last good one in force, and says so. */
async function reloadPolicy(session: Session, options: NodeOptions): Promise<void> {
  const before = session.policy.last();
  try {
    if ((await session.policy.current()) !== before) await session.exchange?.sync();
  } catch (error) {
    options.onTrouble?.('policy', error instanceof Error ? error : new Error(String(error)));
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
    // A list of names and digests, and the text of a screen. No type can carry an image or a file's content.
    blobTypes: {
      [MANIFEST_BLOB]: {
        maxBytes: MAX_MANIFEST_BYTES,
        check: (bytes) => void parseManifest(bytes),
        entries: manifestLines,
      },
      [SCREEN_BLOB]: { maxBytes: SCREEN_MAX_BYTES, check: (bytes) => void parseScreen(bytes) },
    },
    maySee: blobsInView(session),
    answerChallenge: async ({ manifest, nonce, paths }, asker) => {
      const challenge = { nonce, asker, answerer: session.identity.author, manifest };
      const reading = { manifest, paths, challenges: [challenge], as: 'challenged' };
      return (await readPossession(session.home, reading, options.signal))?.[0];
    },
    ...(options.onAdmission && { onAdmission: options.onAdmission }),
    onTrouble: (what, peer, error) => options.onTrouble?.(`${what} (${peer})`, error),
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
