/** An invitation: one line that says who somebody is and where their node listens. `portalgun:<author>?network=…&address=…` */
import { parseAuthorId } from '../exchange/record/identity.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { UsageError } from '../errors.ts';

export interface Invitation {
  readonly author: AuthorId;
  readonly network: string | undefined;
  readonly addresses: readonly string[];
}

export function formatInvitation(invitation: Invitation): string {
  const query = new URLSearchParams();
  if (invitation.network !== undefined) query.set('network', invitation.network);
  for (const address of invitation.addresses) query.append('address', address);
  return `portalgun:${invitation.author.slice('ed25519:'.length)}?${query.toString()}`;
}

/** Reads an invitation, or a bare author id. Throws `peer/bad-invitation` or what is wrong with the key. */
export function parseInvitation(text: string): Invitation {
  if (text.startsWith('ed25519:')) return { author: parseAuthorId(text), network: undefined, addresses: [] };
  const match = /^portalgun:([0-9a-f]{64})(?:\?(.*))?$/.exec(text.trim());
  if (!match) {
    throw new UsageError('peer/bad-invitation', 'this is neither an invitation nor an author id.', {
      hint: 'Ask your peer for the line that `portalgun id --invite` prints, and quote it in your shell.',
    });
  }
  const query = new URLSearchParams(match[2] ?? '');
  return {
    author: parseAuthorId(`ed25519:${match[1]}`),
    network: query.get('network') ?? undefined,
    addresses: query.getAll('address'),
  };
}
