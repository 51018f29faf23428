/** The checkpoints as people see them: which one came out of which. */
import type { Checkpoint } from './checkpoints.ts';

export interface CheckpointTree {
  readonly checkpoint: Checkpoint;
  readonly children: readonly CheckpointTree[];
}

/** The roots are those whose parent is a power-on state, or was pruned. */
export function treeOf(checkpoints: readonly Checkpoint[]): readonly CheckpointTree[] {
  const keys = new Set(checkpoints.map((checkpoint) => checkpoint.key));
  const grow = (checkpoint: Checkpoint): CheckpointTree => ({
    checkpoint,
    children: checkpoints.filter((other) => other.parent === checkpoint.key).map(grow),
  });
  return checkpoints.filter((checkpoint) => !keys.has(checkpoint.parent)).map(grow);
}
