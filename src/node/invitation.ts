/** An invitation: one line that says who somebody is and where their node listens. `portalgun:<author>?network=…&recovery=…&address=…` */
import { parseAuthorId } from '../exchange/record/identity.ts';
import { formatPin, parsePin, type RecoveryPin } from '../exchange/record/recovery-pin.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { UsageError } from '../errors.ts';

export interface Invitation {
  readonly author: AuthorId;
  readonly network: string | undefined;
  readonly addresses: readonly string[];
  /** Which recovery keys speak for them. Invitations of earlier versions name none. */
  readonly recovery: readonly RecoveryPin[];
}

export function formatInvitation(invitation: Invitation): string {
  const query = new URLSearchParams();
  if (invitation.network !== undefined) query.set('network', invitation.network);
  for (const pin of invitation.recovery) query.append('recovery', formatPin(pin));
  for (const address of invitation.addresses) query.append('address', address);
  return `portalgun:${invitation.author.slice('ed25519:'.length)}?${query.toString()}`;
}

/** Reads an invitation, or a bare author id. Throws `peer/bad-invitation` or what is wrong with the key. */
export function parseInvitation(text: string): Invitation {
  if (text.startsWith('ed25519:'))
    return { author: parseAuthorId(text), network: undefined, addresses: [], recovery: [] };
  const match = /^portalgun:([0-9a-f]{64})(?:\?(.*))?$/.exec(text.trim());
  if (!match) {
    throw new UsageError('peer/bad-invitation', 'this is neither an invitation nor an author id.', {
      hint: 'Ask your peer for the line that `portalgun id --invite` prints, and quote it in your shell.',
    });
  }
  const query = new URLSearchParams(match[2] ?? '');
  const recovery = query.getAll('recovery').map(pinIn);
  if (new Set(recovery.map((pin) => pin.recovery)).size < recovery.length) throw unreadablePin();
  return {
    author: parseAuthorId(`ed25519:${match[1]}`),
    network: query.get('network') ?? undefined,
    addresses: query.getAll('address'),
    recovery,
  };
}

/** Left out, it would be missed by nobody: who shortens the line in between must not gain by it. */
function pinIn(text: string): RecoveryPin {
  const pin = parsePin(text);
  if (pin !== undefined) return pin;
  throw unreadablePin();
}

function unreadablePin(): UsageError {
  return new UsageError('peer/bad-invitation', 'what this invitation says of a recovery key does not read.', {
    hint: 'Copy the whole line that `portalgun id --invite` prints.',
  });
}
