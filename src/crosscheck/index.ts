/**
 * Compares builds without moving them: attestations of configured peers against mine, one verdict each, the quorum, and
 * the names of the files that differ.
 *
 * Promises: a peer's list counts only if it hashes to what that peer signed. Never: moves or opens a file's content.
 */
export {
  underOtherRules,
  verdictFor,
  type Attempt,
  type Condition,
  type OwnBuild,
  type PeerReport,
  type PeerVerdict,
  type Said,
} from './verdict.ts';
export {
  CHALLENGE_PATHS,
  choosePaths,
  keyedDigest,
  possessionBy,
  type ChallengeOf,
  type KeyedDigest,
  type Possession,
} from './challenge.ts';
export { probableCause, type Cause, type CauseKind, type Circumstances, type Side } from './cause.ts';
export { differences, theirManifest } from './differences.ts';
export { lastWriterIn, type Stage, type Writer } from './last-writer.ts';
export { describeWriter, withOrigins, type NamedDifference } from './origin.ts';
export { placeOf } from './places.ts';
