/**
 * A build that failed: in-toto's test result (github.com/in-toto/attestation, spec/predicates/test-result.md) with the
 * recipe as subject and configuration, failed steps as failed tests, and our symptom beside its own fields.
 */
import type { Digest } from '../../../crypto/digest.ts';
import { FAILED_STEPS_MAX } from '../limits.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type Meaning } from '../types.ts';
import { Fields, NotUnderstood } from './fields.ts';
import { digestOfSubject, onlySubject, subjectOf, type Content } from './subjects.ts';

export interface FailureInput {
  /** Digest of the recipe that failed. */
  readonly recipe: Digest;
  readonly recipeName: string;
  /** Step ids, at least one. */
  readonly failedSteps: readonly string[];
  readonly symptom: Digest | null;
}

export function understandFailure(content: Content): Meaning {
  const fields = new Fields(content.predicate, 'predicate');
  fields.oneOf('result', ['FAILED']);
  const failedSteps = fields.names('failedTests', FAILED_STEPS_MAX);
  if (failedSteps.length === 0) throw new NotUnderstood('predicate.failedTests is empty');
  const subject = onlySubject(content);
  const symptom = fields.optionalDigest('portalgun_symptom');
  return { kind: 'failure', recipe: digestOfSubject(subject), recipeName: subject.name, failedSteps, symptom };
}

export function failureContent(input: FailureInput): Draft {
  const { recipe, recipeName, failedSteps, symptom } = input;
  const subject = subjectOf(recipeName, recipe);
  return {
    subject: [subject],
    predicateType: PREDICATE.failure,
    predicate: { result: 'FAILED', configuration: [subject], failedTests: failedSteps, portalgun_symptom: symptom },
  };
}
