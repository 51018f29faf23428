/** The checkpoints as people see them: which one came out of which. */
import type { Digest } from '../../crypto/digest.ts';
import type { Checkpoint } from './checkpoints.ts';

export interface CheckpointTree {
  readonly checkpoint: Checkpoint;
  readonly children: readonly CheckpointTree[];
}

/** The roots are those whose parent is a power-on state on blank disks, or was pruned. */
export function treeOf(checkpoints: readonly Checkpoint[]): readonly CheckpointTree[] {
  const keys = new Set(checkpoints.map((checkpoint) => checkpoint.key));
  const grow = (checkpoint: Checkpoint): CheckpointTree => ({
    checkpoint,
    children: checkpoints.filter((other) => stemOf(other) === checkpoint.key).map(grow),
  });
  return checkpoints.filter((checkpoint) => !keys.has(stemOf(checkpoint))).map(grow);
}

/** The checkpoint that it grew from: a machine that was powered on on another's disks grew from that. */
function stemOf({ parent, base }: Checkpoint): Digest {
  return base ?? parent;
}

/** What a branch takes on this host: its own part, and those of all that grew from it. */
export function branchBytes({ checkpoint, children }: CheckpointTree): number {
  return children.reduce((sum, child) => sum + branchBytes(child), checkpoint.sizeBytes);
}
