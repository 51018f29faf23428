/** `config.yaml`: how this node speaks to the network. Nothing in it is secret, and nothing in it is trust. */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseDocument, type Document } from 'yaml';
import { errnoOf, UsageError } from '../errors.ts';
import type { Home } from './home.ts';

export interface Config {
  /** Records of one network are void in another. */
  readonly network: string;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  readonly bootstrap: readonly string[];
  /** Multiaddrs at which others reach this node, where it cannot know them itself: a forwarded port, a name. */
  readonly announce: readonly string[];
  /** Take places at bootstrap nodes that are relays, while this node is not known to be reached directly. */
  readonly relay: boolean;
  /** Look for peers on the local network by mDNS. */
  readonly mdns: boolean;
  /** Snapshot archives for locked versions that are gone, each as it stands after `deb` in sources.list(5). */
  readonly snapshots: readonly string[];
  /** Archives that packages come from instead of apt's own sources, in the same form. For machines without apt. */
  readonly archives: readonly string[];
}

export const DEFAULT_CONFIG: Config = {
  network: 'portalgun',
  listen: ['/ip4/0.0.0.0/tcp/0'],
  bootstrap: [],
  announce: [],
  relay: true,
  mdns: true,
  snapshots: [],
  archives: [],
};

export const CONFIG_TEXT = `# How this node speaks to the network. Every line is optional; these are the defaults.
# network: portalgun
# listen: [/ip4/0.0.0.0/tcp/0]
# bootstrap: []
# announce: []    # addresses at which others reach you, such as /dns4/example.org/tcp/4001 for a forwarded port
# relay: true     # be reached through bootstrap nodes, until somebody has reached you directly
# mdns: true
# archives: []    # where packages come from on a machine without apt: ["https://HOST/debian bookworm main"]
# snapshots: []   # package archives of some day: a locked version that is gone is looked for there
`;

/** Ports that no system gives to outgoing connections by itself: [first, first not]. */
const OWN_PORTS = [20_000, 30_000] as const;

/**
 * What `init` writes: a port of its own, drawn once. An invitation names it, and would be void after the next start if
 * the node took any free one.
 */
export function firstConfigText(): string {
  const port = randomInt(...OWN_PORTS);
  return CONFIG_TEXT.replace(
    /^# listen: .*$/m,
    `listen: [/ip4/0.0.0.0/tcp/${port}]    # drawn for you: your invitations name it`,
  );
}

/** Reads `config.yaml`, absent fields defaulted. Rejects with `config/invalid`, naming the line. */
export async function loadConfig(home: Home): Promise<Config> {
  const file = path.join(home.config, 'config.yaml');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return DEFAULT_CONFIG;
    throw error;
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const problem = document.errors[0];
  if (problem) throw invalid(file, problem.message);
  const value = plainValue(document, file);
  if (value === null || value === undefined) return DEFAULT_CONFIG;
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(file, 'expected `name: value` lines');
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const name of fields.keys()) {
    if (!(name in DEFAULT_CONFIG)) {
      throw invalid(file, `unknown field \`${name}\`; known are: ${Object.keys(DEFAULT_CONFIG).join(', ')}`);
    }
  }
  return {
    network: networkName(fields.get('network') ?? DEFAULT_CONFIG.network, 'network', file),
    listen: list(fields.get('listen') ?? DEFAULT_CONFIG.listen, 'listen', file),
    bootstrap: list(fields.get('bootstrap') ?? DEFAULT_CONFIG.bootstrap, 'bootstrap', file),
    announce: list(fields.get('announce') ?? DEFAULT_CONFIG.announce, 'announce', file),
    relay: flag(fields.get('relay') ?? DEFAULT_CONFIG.relay, 'relay', file),
    mdns: flag(fields.get('mdns') ?? DEFAULT_CONFIG.mdns, 'mdns', file),
    snapshots: archives(fields.get('snapshots') ?? DEFAULT_CONFIG.snapshots, 'snapshots', file),
    archives: archives(fields.get('archives') ?? DEFAULT_CONFIG.archives, 'archives', file, /^https?:/),
  };
}

function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw invalid(file, 'aliases (`*name`) are not read here', cause);
  }
}

function networkName(value: unknown, name: string, file: string): string {
  if (typeof value === 'string' && /^[a-z0-9][a-z0-9.-]{0,62}$/.test(value)) return value;
  throw invalid(file, `\`${name}\` must be lower-case letters, digits, dots and hyphens`);
}

function list(value: unknown, name: string, file: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item.startsWith('/'))) return value;
  throw invalid(file, `\`${name}\` must be a list of multiaddrs such as /ip4/127.0.0.1/tcp/4001`);
}

/** Address, suite and components; no options, which are ours to set. */
const ARCHIVE = /^(?:https?|file):\/[^\s[\]"#]+(?: [A-Za-z0-9][A-Za-z0-9./_-]*){2,}$/;

function archives(value: unknown, name: string, file: string, scheme = /^/): readonly string[] {
  const isArchive = (item: unknown) => typeof item === 'string' && ARCHIVE.test(item) && scheme.test(item);
  if (Array.isArray(value) && value.every(isArchive)) return value;
  throw invalid(file, `\`${name}\` must be a list of \`ADDRESS SUITE COMPONENT…\`, as in sources.list(5)`);
}

function flag(value: unknown, name: string, file: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(file, `\`${name}\` must be true or false`);
}

function invalid(file: string, what: string, cause?: unknown): UsageError {
  return new UsageError('config/invalid', `${file}: ${what}`, {
    hint: 'Mend that line, or delete it for the default.',
    cause,
  });
}
