/**
 * A patch: typed operations against one exact recipe; subject is the recipe that results. The receiver applies them and
 * compares (recipe/patch.ts): what is checked here is that every operation is one that this version knows, entirely.
 */
import type { Digest } from '../../../crypto/digest.ts';
import type { Operation } from '../../../recipe/types.ts';
import { PATCH_MAX_OPERATIONS } from '../limits.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type Evidence, type Meaning } from '../types.ts';
import { Fields, NotUnderstood } from './fields.ts';
import { parseOperation } from './operation.ts';
import { digestOfSubject, onlySubject, subjectOf, type Content } from './subjects.ts';

export interface PatchInput {
  readonly recipeName: string;
  readonly base: Digest;
  readonly result: Digest;
  readonly operations: readonly Operation[];
  readonly symptom: Digest | null;
  readonly origin: 'human' | 'suggestion' | 'mixed';
  /** One line: what changed and why. */
  readonly summary: string;
  /** Id of the attestation or endorsement of an untouched build with it. */
  readonly verifiedBy: Digest | null;
  /** Id of the author's own earlier patch that this one replaces. */
  readonly supersedes: Digest | null;
  /** Screens by digest (before, after), fetched on demand. */
  readonly evidence?: Evidence;
}

const ORIGINS = ['human', 'suggestion', 'mixed'] as const;

export function understandPatch(content: Content): Meaning {
  const fields = new Fields(content.predicate, 'predicate');
  const operations = fields.list('operations', PATCH_MAX_OPERATIONS);
  if (operations.length === 0) throw new NotUnderstood('predicate.operations is empty');
  const subject = onlySubject(content);
  const recipeName = fields.name('recipeName');
  if (subject.name !== recipeName) throw new NotUnderstood('the subject is not called as predicate.recipeName says');
  return {
    kind: 'patch',
    recipeName,
    base: fields.digest('base'),
    result: digestOfSubject(subject),
    operations: operations.map((value, index) => parseOperation(value, `predicate.operations[${index}]`)),
    symptom: fields.optionalDigest('symptom'),
    origin: fields.oneOf('origin', ORIGINS),
    summary: fields.line('summary'),
    verifiedBy: fields.optionalDigest('verifiedBy'),
    supersedes: fields.optionalDigest('supersedes'),
    ...(fields.has('evidence') && { evidence: understandEvidence(fields.value('evidence')) }),
  };
}

function understandEvidence(value: unknown): Evidence {
  const fields = new Fields(value, 'predicate.evidence');
  const [before, after] = [fields.optionalDigest('before'), fields.optionalDigest('after')];
  return { ...(before !== null && { before }), ...(after !== null && { after }) };
}

export function patchContent(input: PatchInput): Draft {
  const { result, evidence, ...rest } = input;
  const { recipeName, base, operations, symptom, origin, summary, verifiedBy, supersedes } = rest;
  return {
    subject: [subjectOf(recipeName, result)],
    predicateType: PREDICATE.patch,
    predicate: {
      recipeName,
      base,
      operations,
      symptom,
      origin,
      summary,
      verifiedBy,
      supersedes,
      ...(evidence === undefined ? {} : { evidence }),
    },
  };
}
