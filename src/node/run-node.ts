/** The long-running node: network, control API, and heads kept fresh, until it is told to stop. */
import { createExchange } from '../exchange/p2p/index.ts';
import type { Exchange } from '../exchange/p2p/types.ts';
import type { Admission, AuthorId } from '../exchange/record/types.ts';
import { manifestLines } from '../workshop/image/manifest-lines.ts';
import { parseManifest } from '../workshop/image/manifest.ts';
import { groupsOf } from './groups.ts';
import { policyAlert, raiseAlert, type Alert } from './alerts.ts';
import { startControlServer } from './control-server.ts';
import { nodeAnswers } from './control-client.ts';
import { onceFree } from './held-home.ts';
import type { Home } from './home.ts';
import { parseScreen, SCREEN_BLOB, SCREEN_MAX_BYTES } from './screen-evidence.ts';
import { MANIFEST_BLOB } from './operations/crosscheck.ts';
import { runOperation } from './operations/index.ts';
import { readPossession } from './possession.ts';
import { blobsInView, hasAttested } from './blobs-in-view.ts';
import { flushOutbox } from './outbox.ts';
import { peersOf } from './policy-peers.ts';
import { carried, carries, openSession, signingKey, type Session } from './session.ts';
import { asError } from '../errors.ts';

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
  /** What the owner must hear: it stays in `node status`. */
  readonly onAlert?: (alert: Alert) => void;
}

/** Resolves when it has stopped cleanly. Rejects with `store/locked` where another process holds this home. */
export async function runNode(options: NodeOptions): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const network = (offline: Session, before: readonly string[]) =>
    startNetwork(offline, { ...options, signal }, before);
  const session = await onceFree(
    () => openSession(options.home, { network }),
    // A command lets go of it in a moment; another node does not.
    async () => !(await nodeAnswers(options.home.controlSocket)),
    signal,
  );
  try {
    const control = await startControlServer(options.home.controlSocket, async (operation, args, callSignal) => {
      if (operation === 'stop') {
        setImmediate(() => stop.abort());
        return {};
      }
      return runOperation(session, operation, args, callSignal);
    });
    const comeBack = networkAgain(session, options);
    const watch = setInterval(() => {
      void reloadPolicy(session, options);
      void comeBack();
    }, POLICY_RELOAD_MS);
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

/** A policy that cannot be read leaves the last good one in force, and says so, once for each thing that is wrong. */
async function reloadPolicy(session: Session, options: NodeOptions): Promise<void> {
  const before = session.policy.last();
  const now = await session.policy.current();
  if (now === before) return;
  for (const alert of policyAlert(now.broken, session.now())) options.onAlert?.(alert);
  if (now.broken !== undefined) return;
  try {
    await session.exchange?.sync();
  } catch (error) {
    options.onTrouble?.('policy', asError(error));
  }
}

/** Where the network did not start under a new key, it is tried again until it does; the same trouble is told once. */
function networkAgain(session: Session, options: NodeOptions): () => Promise<void> {
  let told: string | undefined;
  return async () => {
    if (session.exchange !== undefined) {
      told = undefined;
      return;
    }
    try {
      await session.renew();
    } catch (cause) {
      const error = asError(cause);
      if (error.message !== told) options.onTrouble?.('network', error);
      told = error.message;
    }
  };
}

/** `before`: where it listened until now, to be found there again. */
async function startNetwork(session: Session, options: NodeOptions, before: readonly string[]): Promise<Exchange> {
  let flushing = false;
  const inBackground = (what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => options.onTrouble?.(what, asError(error)));
  };
  return createExchange({
    author: session.identity.author,
    seed: await signingKey(session).unlock(),
    network: session.config.network,
    store: session.store,
    listen: atSamePort(options.listen ?? session.config.listen, before),
    bootstrap: session.config.bootstrap,
    announce: session.config.announce,
    relay: session.config.relay,
    mdns: session.config.mdns,
    role: options.role,
    follows: (author) => carries(session, author),
    followed: () => carried(session),
    trusted: () => peersOf(session.policy.last()).trusted,
    groups: () => groupsOf(session),
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
    answerChallenge: async ({ manifest, nonce, paths }, asker, stopping) => {
      if (!(await hasAttested(session, session.identity.author, manifest))) return undefined;
      const challenge = { nonce, asker, answerer: session.identity.author, manifest };
      const reading = { manifest, paths, challenges: [challenge], as: 'challenged' };
      return (await readPossession(session.home, reading, stopping))?.[0];
    },
    ...(options.onAdmission && { onAdmission: options.onAdmission }),
    onSynced: () => {
      // Asking for the own head may sync in its turn: that is no new occasion.
      if (flushing) return;
      flushing = true;
      inBackground(
        'outbox',
        flushOutbox(session, options.signal).finally(() => (flushing = false)),
      );
    },
    onOwnHeadElsewhere: (_head, from) => inBackground('alert', keyElsewhere(session, options, from)),
    onTrouble: (what, peer, error) => options.onTrouble?.(`${what} (${peer})`, error),
  });
}

/** Where it listened on any free port, on the one that it had. */
function atSamePort(listen: readonly string[], before: readonly string[]): readonly string[] {
  const port = before.map((address) => /\/tcp\/(\d+)/.exec(address)?.[1]).find((found) => found !== undefined);
  return port === undefined ? listen : listen.map((address) => address.replace(/\/tcp\/0(?=\/|$)/, `/tcp/${port}`));
}

async function keyElsewhere(session: Session, options: NodeOptions, from: string): Promise<void> {
  const alert: Alert = {
    code: 'key-elsewhere',
    at: session.now().toISOString(),
    message: `Your key is in use on another machine: it has signed since this node started (heard from ${from}).`,
  };
  await raiseAlert(session.store, alert);
  options.onAlert?.(alert);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
