/** "Works here": a patch or recipe, by the id of its record, with the attestation that proves it. */
import type { Digest } from '../../../crypto/digest.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type Meaning } from '../types.ts';
import { Fields } from './fields.ts';
import { digestOfSubject, onlySubject, subjectOf, type Content } from './subjects.ts';

export interface EndorsementInput {
  /** Id of the record that is endorsed. */
  readonly of: Digest;
  /** `build`: the node says that it works. `human`: a person has read it; only such a voice counts automatically. */
  readonly reviewed: 'human' | 'build';
  /** Id of the attestation's record, if there is one. */
  readonly attestation: Digest | null;
}

export function understandEndorsement(content: Content): Meaning {
  const fields = new Fields(content.predicate, 'predicate');
  const reviewed = fields.oneOf('reviewed', ['human', 'build']);
  const of = digestOfSubject(onlySubject(content));
  return { kind: 'endorsement', of, reviewed, attestation: fields.optionalDigest('attestation') };
}

export function endorsementContent(input: EndorsementInput): Draft {
  const { of, reviewed, attestation } = input;
  return {
    subject: [subjectOf('record', of)],
    predicateType: PREDICATE.endorsement,
    predicate: { reviewed, attestation },
  };
}
