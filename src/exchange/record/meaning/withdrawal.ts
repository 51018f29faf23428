/** Takes back an earlier record of the same author. Whether it is the same author is for who holds both to see. */
import type { Digest } from '../../../crypto/digest.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type Meaning } from '../types.ts';
import { Fields } from './fields.ts';
import { digestOfSubject, onlySubject, subjectOf, type Content } from './subjects.ts';

export interface WithdrawalInput {
  /** Id of the record that is withdrawn. */
  readonly of: Digest;
  /** One line. */
  readonly reason: string;
}

export function understandWithdrawal(content: Content): Meaning {
  const reason = new Fields(content.predicate, 'predicate').line('reason');
  return { kind: 'withdrawal', of: digestOfSubject(onlySubject(content)), reason };
}

export function withdrawalContent(input: WithdrawalInput): Draft {
  return {
    subject: [subjectOf('record', input.of)],
    predicateType: PREDICATE.withdrawal,
    predicate: { reason: input.reason },
  };
}
