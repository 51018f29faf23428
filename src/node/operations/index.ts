/**
 * Everything a face may ask of a home, by name. The control API and the command line run the same table, so a command
 * does the same with a node and without one. docs/control-api.md lists them.
 */
import { UsageError } from '../../errors.ts';
import { PUBLIC_SCOPE, standsInGroup } from '../../exchange/record/index.ts';
import type { Session } from '../session.ts';
import { verifyFile } from '../verify-file.ts';
import { Arguments } from './arguments.ts';
import * as crosscheck from './crosscheck.ts';
import { attestExport, checkAttestation } from './export.ts';
import * as groups from './groups.ts';
import * as heal from './heal.ts';
import * as inbox from './inbox.ts';
import * as keys from './keys.ts';
import * as network from './network.ts';
import * as peers from './peers.ts';
import * as publish from './publish.ts';
import * as recipes from './recipes.ts';
import * as why from './why.ts';

type Operation = (session: Session, args: Arguments, signal: AbortSignal) => Promise<unknown>;

/** What changes the own key, and publishing, never at once. */
function inTurn(operation: Operation): Operation {
  return (session, args, signal) => session.inTurn(() => operation(session, args, signal));
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ping: async () => ({}),
  id: network.id,
  status: network.status,
  sync: network.sync,
  'peer.add': peers.add,
  'peer.list': peers.list,
  'peer.show': peers.show,
  'peer.choose': peers.choose,
  'peer.remove': peers.remove,
  'peer.follow': peers.follow,
  'peer.unfollow': peers.unfollow,
  'group.add': groups.add,
  'group.list': groups.list,
  'recipe.list': recipes.list,
  'recipe.get': recipes.get,
  'publish.recipe': publish.recipe,
  'publish.patch': publish.patch,
  'publish.attestation': publish.attestation,
  'publish.failure': publish.failure,
  'publish.endorsement': publish.endorsement,
  'publish.withdrawal': publish.withdrawal,
  'key.show': keys.show,
  'key.rotate': inTurn(keys.rotate),
  'key.recover': inTurn(keys.recover),
  'key.revoke': inTurn(keys.revoke),
  'key.passphrase': inTurn(keys.passphrase),
  'inbox.list': inbox.list,
  'inbox.show': inbox.show,
  'inbox.accept': inbox.accept,
  'inbox.reject': inbox.reject,
  'patch.get': inbox.get,
  why: why.why,
  verify: async ({ config, store }, args) =>
    verifyFile(Buffer.from(args.text('file'), 'base64'), {
      network: config.network,
      keysOf: (author) => store.keysOf(author, PUBLIC_SCOPE),
      standing: ({ link }) =>
        link.scope === PUBLIC_SCOPE ? undefined : standsInGroup(store.keysOf(link.author, PUBLIC_SCOPE), link),
    }),
  'attestation.check': checkAttestation,
  'export.attest': attestExport,
  'heal.candidates': heal.candidates,
  'manifest.keep': crosscheck.keepManifest,
  crosscheck: crosscheck.crosscheck,
  'crosscheck.disagreements': crosscheck.disagreements,
  'crosscheck.proof': crosscheck.disagreementProof,
};

/** Rejects with `control/unknown` for a name that is not in the table. */
export async function runOperation(
  session: Session,
  name: string,
  args: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (!operation) throw new UsageError('control/unknown', `no such operation: ${name}`);
  return operation(session, new Arguments(name, args), signal);
}

export const OPERATION_NAMES: readonly string[] = Object.keys(OPERATIONS);
