/** Subjects of our statements: digests by SHA-256, as in-toto's DigestSet has them. */
import { digestHex, type Digest } from '../../../crypto/digest.ts';
import type { Draft, Subject } from '../statement.ts';
import { NotUnderstood } from './fields.ts';

/** What a kind reads and a draft holds alike. */
export type Content = Pick<Draft, 'subject' | 'predicate'>;

export function subjectOf(name: string, digest: Digest): Subject {
  return { name, digest: { sha256: digestHex(digest) } };
}

export function digestOfSubject(subject: Subject): Digest {
  return `sha256:${subject.digest['sha256'] ?? ''}`;
}

/** For kinds that are about one thing: a second subject would make it unclear which. */
export function onlySubject(content: Content): Subject {
  const [subject, second] = content.subject;
  if (subject === undefined || second !== undefined) throw new NotUnderstood('it must have exactly one subject');
  return subject;
}
