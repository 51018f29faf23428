/**
 * What a record says, asked only after it was admitted. A kind, an operation or a value that this version does not know
 * makes it "not understood": it counts for nothing, is shown as such, and stops nothing (threat 15).
 */
import { understandAttestation } from './meaning/attestation.ts';
import { understandEndorsement } from './meaning/endorsement.ts';
import { understandFailure } from './meaning/failure.ts';
import { NotUnderstood } from './meaning/fields.ts';
import { understandKey } from './meaning/key.ts';
import { understandPatch } from './meaning/patch.ts';
import { understandRecipe } from './meaning/recipe.ts';
import type { Content } from './meaning/subjects.ts';
import { understandWithdrawal } from './meaning/withdrawal.ts';
import type { Draft } from './statement.ts';
import { PREDICATE, type FeedLink, type Judged, type Meaning, type RecordKind, type VerifiedRecord } from './types.ts';

/** The exact table (threat 10): a statement is read by the parser of its own type or by none. */
const READERS: Readonly<Record<RecordKind, (content: Content, link: FeedLink) => Meaning>> = {
  recipe: understandRecipe,
  patch: understandPatch,
  attestation: understandAttestation,
  failure: understandFailure,
  endorsement: understandEndorsement,
  withdrawal: understandWithdrawal,
  key: understandKey,
};

export function judge(record: VerifiedRecord): Judged {
  return understand(record.statement, record.link);
}

/** As `judge`, for what is not signed yet. */
export function understand(draft: Draft, link: FeedLink): Judged {
  const kind = kindOf(draft.predicateType);
  if (kind === undefined) {
    return { understood: false, reason: `this version does not know records of the type ${draft.predicateType}` };
  }
  try {
    return { understood: true, meaning: READERS[kind](draft, link) };
  } catch (error) {
    if (error instanceof NotUnderstood) return { understood: false, reason: error.message };
    throw error;
  }
}

export function kindOf(predicateType: string): RecordKind | undefined {
  return KINDS.find((kind) => PREDICATE[kind] === predicateType);
}

const KINDS = ['recipe', 'patch', 'attestation', 'failure', 'endorsement', 'withdrawal', 'key'] as const;
