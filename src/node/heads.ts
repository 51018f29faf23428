/** The own signed head: says which record is the newest, and until when that may be believed. */
import { signHead } from '../exchange/record/index.ts';
import type { Session } from './session.ts';

/** Signs the present end of the own public feed and keeps it; the network tells it on at the next exchange. */
export async function announceHead(session: Session): Promise<void> {
  const { store, identity, config } = session;
  const head = await store.head(identity.author, 'public');
  if (!head) return; // nothing published yet
  const now = session.now();
  const signed = signHead(identity.seed, config.network, head, { now });
  await store.putHead(signed.envelope, { now, follows: (author) => author === identity.author });
}
