/** Two recoveries of one feed by one recovery key, as its followers and its owner are told of them. */
import type { Digest } from '../crypto/digest.ts';
import { UsageError } from '../errors.ts';
import { PUBLIC_SCOPE } from '../exchange/record/index.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import type { Session } from './session.ts';

export interface Rivals {
  readonly recoveries: readonly {
    readonly record: Digest;
    /** The feed that is stored here goes on from it. */
    readonly stored: boolean;
  }[];
  /** The recovery that counts here: one of them, or a later one on its branch. Null: the feed waits for its person. */
  readonly chosen: Digest | null;
}

export async function rivalsOf({ store }: Pick<Session, 'store'>, author: AuthorId): Promise<Rivals | null> {
  const isIt = (feed: { readonly author: AuthorId; readonly scope: string }): boolean =>
    feed.author === author && feed.scope === PUBLIC_SCOPE;
  const frozen = (await store.frozen()).find(isIt)?.rivals;
  const choice = (await store.chosen()).find(isIt);
  const ids = frozen ?? choice?.rivals;
  if (!ids) return null;
  const recoveries = await Promise.all(
    ids.map(async (record) => ({ record, stored: (await store.get(record)) !== undefined })),
  );
  return { recoveries, chosen: frozen ? null : (choice?.id ?? null) };
}

/** One of them by its id, or the beginning of it. Rejects with `store/no-rivals` or `store/not-a-rival`. */
export async function chooseRival(session: Session, author: AuthorId, text: string): Promise<Rivals> {
  const rivals = await rivalsOf(session, author);
  if (rivals === null) {
    throw new UsageError('store/no-rivals', 'There are no two recoveries of that feed to choose from.');
  }
  const wanted = text.startsWith('sha256:') ? text : `sha256:${text}`;
  const found = rivals.recoveries.filter(({ record }) => record.startsWith(wanted));
  const [one] = found;
  if (one === undefined || found.length > 1 || wanted.length < 'sha256:'.length + 6) {
    const ids = rivals.recoveries.map(({ record }) => record);
    throw new UsageError('store/not-a-rival', `${text} names none of the two recoveries of that feed.`, {
      hint: `name one of ${ids.join(', ')}`,
      facts: { recoveries: ids },
    });
  }
  await session.store.choose(author, PUBLIC_SCOPE, one.record);
  await session.exchange?.sync();
  return (await rivalsOf(session, author)) ?? rivals;
}
