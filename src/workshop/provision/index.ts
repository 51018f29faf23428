/**
 * Runs recipes' steps on machines: does, looks, and only then goes on; keeps checkpoints to go back to; and has failing
 * steps mended by whoever it was given to ask.
 *
 * Promises
 * - A step counts as done only when what it expects was read from a frame captured after its last input; where it
 *   acted, the text must be new (freshness.ts has the exact rule).
 * - A step that cannot succeed fails early, with what was expected, what the screen says and what comes nearest.
 * - What is interrupted, by Ctrl-C, SIGKILL or the death of QEMU, is resumed from its deepest checkpoint. Changing a
 *   step voids the checkpoints after it and no others.
 * - After a repair everything from the earliest changed step on is run again, untouched, by the engine itself.
 * - Secrets go to the machine only: never into events, transcripts, failure bundles or checkpoints.
 *
 * Never
 * - a fixed sleep: it waits for frames and events;
 * - a word to a peer: where repairs come from is decided outside, through `RepairSource`;
 * - a change to a recipe file, or to a medium.
 */
export type { Typist } from './acts.ts';
export { treeOf, type CheckpointTree } from './checkpoint-tree.ts';
export { openCheckpoints, type Checkpoint, type CheckpointSession, type CheckpointStore } from './checkpoints.ts';
export type { Nearest, TextReader } from './conditions.ts';
export { runSteps, type RunOptions, type RunResult, type Senses } from './engine.ts';
export { createMasker, type Masker } from './mask.ts';
export type { Repair } from './repair.ts';
export { replaceFile } from './replace-file.ts';
export { createSenses } from './senses.ts';
export { maskedFailure, nameBase, StepFailedError } from './step-failed.ts';
export { keysOn, type Origin } from './timeline.ts';
export { createSuggestionRepair, suggestions, type Suggestion } from './suggest.ts';
export { openTranscript, pictureKeeper, writeFailureBundle, type Transcript } from './transcript.ts';
export type * from './types.ts';
export { createWorkbench, type Workbench, type WorkbenchOptions } from './workbench.ts';
