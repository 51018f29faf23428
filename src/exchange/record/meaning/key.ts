/**
 * The opening of a public feed, its very first record: commits to the public half of the offline recovery key, so that
 * whoever steals the signing key later cannot bring a recovery key of their own (threat 17). Key changes and recoveries
 * are records of the same type with other actions, which this version does not know yet.
 */
import { sha256 } from '../../../crypto/digest.ts';
import { importPublicKey } from '../../../crypto/ed25519.ts';
import { PortalgunError } from '../../../errors.ts';
import { authorIdOf, authorKeyBytes, isAuthorId } from '../identity.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type AuthorId, type FeedLink, type Meaning } from '../types.ts';
import { Fields, NotUnderstood } from './fields.ts';
import { digestOfSubject, onlySubject, subjectOf, type Content } from './subjects.ts';

export interface OpeningInput {
  readonly author: AuthorId;
  /** 32 bytes. */
  readonly recoveryPublicKey: Uint8Array;
}

export function understandKey(content: Content, link: FeedLink): Meaning {
  const fields = new Fields(content.predicate, 'predicate').only('action', 'recoveryKey');
  fields.oneOf('action', ['open']);
  // Later it would replace what was committed to, which only a recovery may.
  if (link.prev !== null) throw new NotUnderstood('an opening is the first record of a feed');
  const subject = onlySubject(content);
  if (subject.name !== link.author || digestOfSubject(subject) !== digestOfKey(link.author)) {
    throw new NotUnderstood('its subject is not the author of the feed');
  }
  const recoveryKey = fields.string('recoveryKey');
  if (!isAuthorId(recoveryKey)) throw new NotUnderstood('predicate.recoveryKey is not a public key');
  if (recoveryKey === link.author) throw new NotUnderstood('predicate.recoveryKey is the signing key itself');
  try {
    importPublicKey(authorKeyBytes(recoveryKey));
  } catch (error) {
    if (error instanceof PortalgunError) throw new NotUnderstood(`predicate.recoveryKey: ${error.message}`);
    throw error;
  }
  return { kind: 'key', action: 'open', recoveryKey };
}

export function openingContent(input: OpeningInput): Draft {
  return {
    subject: [subjectOf(input.author, digestOfKey(input.author))],
    predicateType: PREDICATE.key,
    predicate: { action: 'open', recoveryKey: authorIdOf(input.recoveryPublicKey) },
  };
}

function digestOfKey(author: AuthorId): ReturnType<typeof sha256> {
  return sha256(authorKeyBytes(author));
}
