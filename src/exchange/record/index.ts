/**
 * Records: signed statements, each a link in its author's feed (docs/records.md).
 *
 * Promises: a `VerifiedRecord` has been checked from its first byte to its signature, by `openEnvelope` and nothing else;
 * judging a link never asks what a record means, and judging a meaning never stops a feed; the same bytes give the same
 * answer everywhere. Never does I/O, never asks the clock, never trusts a sender.
 */
export { createKeyCache, type KeyCache } from '../../crypto/key-cache.ts';
export {
  recipeDraft,
  patchDraft,
  attestationDraft,
  failureDraft,
  endorsementDraft,
  withdrawalDraft,
  openingDraft,
} from './drafts.ts';
export { decodeDsse, dsseFromJson, dsseToJson, preAuthEncoding, type Dsse } from './dsse.ts';
export {
  openEnvelope,
  readEnvelope,
  RECORD_PAYLOAD_TYPE,
  type OpenOptions,
  type SealedRecord,
  type Verifier,
} from './envelope.ts';
export {
  advanceKeys,
  currentKey,
  epochOf,
  firstKeys,
  newestEpoch,
  keyAt,
  opensEpoch,
  signerOf,
  type Epoch,
  type FeedKeys,
} from './feed-keys.ts';
export {
  disagreementOf,
  disagreementToJson,
  looksLikeDisagreement,
  DISAGREEMENT_MAX_BYTES,
  openDisagreement,
  type Disagreement,
} from './disagreement.ts';
export {
  EXPORT_FORMATS,
  isExportName,
  looksLikeExport,
  openExport,
  signExport,
  type ExportFormat,
  type VerifiedExport,
} from './export.ts';
export { openRecordFile, recordToJson } from './file.ts';
export { keyRecordsToText, openKeyFile, standsIn, type KeyChain, type KeyFile } from './key-file.ts';
export { PUBLIC_SCOPE } from './feed-link.ts';
export {
  decodeForkProof,
  encodeForkProof,
  verifyForkProof,
  type Fork,
  type ForkOptions,
  type ForkProof,
} from './fork-proof.ts';
export {
  freshnessOf,
  openHead,
  readHead,
  signHead,
  HEAD_PAYLOAD_TYPE,
  type Freshness,
  type SignedHead,
} from './head.ts';
export { authorIdOf, authorKeyBytes, isAuthorId, parseAuthorId } from './identity.ts';
export {
  compareEpochs,
  comparePositions,
  judgeLink,
  type FeedState,
  type LinkVerdict,
  type Position,
} from './links.ts';
export {
  followingPredicate,
  keyActionOf,
  keyChangePredicate,
  keyDraft,
  type Following,
  type KeyAction,
  type KeyChange,
  type Kept,
} from './key-change.ts';
export {
  isVouchedFor,
  judgeGroupLink,
  standsInGroup,
  type GroupFeedState,
  type GroupLinkVerdict,
} from './group-links.ts';
export { judge, kindOf, understand } from './meaning.ts';
export {
  BUILD_TYPE,
  MANIFEST_SUBJECT,
  signersOf,
  type AttestationInput,
  type Dependency,
} from './meaning/attestation.ts';
export { buildKeyOf, type BuildInputs } from './meaning/build-key.ts';
export type { EndorsementInput } from './meaning/endorsement.ts';
export type { FailureInput } from './meaning/failure.ts';
export type { OpeningInput } from './meaning/key.ts';
export type { PatchInput } from './meaning/patch.ts';
export type { RecipeInput } from './meaning/recipe.ts';
export type { WithdrawalInput } from './meaning/withdrawal.ts';
export { formatPin, isStoredBesidePin, parsePin, pinsOf, type RecoveryPin } from './recovery-pin.ts';
export { isRefusal, refuse, type Refusal } from './refusal.ts';
export { saysMore, standingOf, type Choice } from './rivals.ts';
export { signRecord } from './sign.ts';
export { recordContentEqual, type Draft, type Subject } from './statement.ts';
export * from './limits.ts';
export * from './types.ts';
