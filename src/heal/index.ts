/**
 * Where the two wings meet: a step of the workshop fails, and a patch from the exchange may cure it.
 *
 * Promises: a patch is offered to the engine only if its operations give exactly the digest that its author signed, and
 * only if the person's policy (or the person) lets it. Never: executes anything, talks to the network, edits a file.
 */
export { symptomOf } from './symptom.ts';
export { candidatesFor, type Candidate, type PublishedPatch, type Unfit } from './candidates.ts';
export { answerOf, peerRepairs, type Lookup, type PeerRepairOptions, type PeerRepairs } from './repair-source.ts';
