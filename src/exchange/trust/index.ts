/**
 * Trust: the person's own policy, and what it decides.
 *
 * Promises: every decision is a pure function of the policy and the voices, the same in any order, with its whole
 * derivation; what is missing, stale or unknown only makes it stricter; `authority` is never automatic.
 * Never: reads a clock, a file or the network, trusts somebody because a trusted peer does, or counts an author twice.
 */
export { defaultPolicyText, followedAuthors, isFollowed, keptPolicy, parsePolicy } from './policy.ts';
export { isAuthorId, SELF_NAME } from './policy-names.ts';
export { addPeer, addPrivateGroup, addRule, removePeer, setFollow } from './policy-edit.ts';
export type { AutomaticRule, PeerEntry } from './policy-edit.ts';
export { coversRecipe, decide, isConfigured, namer } from './decide.ts';
export { confirmChecksums } from './quorum.ts';
export type { ChecksumDecision, ChecksumVote } from './quorum.ts';
export { voicesAmong, voicesFor } from './voices.ts';
export type { Understood } from './voices.ts';
export * from './types.ts';
