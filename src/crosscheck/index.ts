/**
 * Compares builds without moving them: attestations of configured peers against mine, one verdict each, the quorum, and
 * the names of the files that differ.
 *
 * Promises: a peer's list counts only if it hashes to what that peer signed. Never: moves or opens a file's content.
 */
export { underOtherRules, verdictFor, type OwnBuild, type PeerReport, type PeerVerdict } from './verdict.ts';
export { differences, theirManifest } from './differences.ts';
