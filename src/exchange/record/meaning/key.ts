/** Records about keys, read by key-change.ts: who may sign depends on them, so links and meaning share one reader. */
import { keyActionOf, keyDraft } from '../key-change.ts';
import { authorIdOf } from '../identity.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type AuthorId, type FeedLink, type Meaning } from '../types.ts';
import { NotUnderstood } from './fields.ts';
import type { Content } from './subjects.ts';

export interface OpeningInput {
  readonly author: AuthorId;
  /** 32 bytes. */
  readonly recoveryPublicKey: Uint8Array;
}

export function understandKey({ subject, predicate }: Content, link: FeedLink): Meaning {
  const action = keyActionOf({ predicateType: PREDICATE.key, subject, predicate }, link);
  if ('refused' in action) throw new NotUnderstood(action.detail);
  return { kind: 'key', ...action };
}

export function openingContent(input: OpeningInput): Draft {
  return keyDraft(input.author, { action: 'open', recoveryKey: authorIdOf(input.recoveryPublicKey) });
}
