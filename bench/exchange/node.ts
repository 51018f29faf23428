/** Real nodes for the benches, on loopback. */
import { createExchange, type Exchange } from '../../src/exchange/p2p/index.ts';
import type { AuthorId } from '../../src/exchange/record/index.ts';
import type { OwnStore } from '../../src/exchange/store/index.ts';
import { NETWORK } from './feeds.ts';

export function startNode(
  seed: Uint8Array,
  store: OwnStore,
  authors: readonly AuthorId[],
  onAdmitted: (id: string) => void = () => undefined,
): Promise<Exchange> {
  const following = new Set(authors);
  return createExchange({
    seed,
    network: NETWORK,
    store,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    follows: (author) => following.has(author),
    followed: () => authors,
    trusted: () => authors.map((author) => ({ author, addresses: [] })),
    blobTypes: {},
    onAdmission(admission) {
      if (admission.result !== 'admitted') return;
      onAdmitted(admission.record.id);
      for (const { id } of admission.released ?? []) onAdmitted(id);
    },
  });
}
