import { openCheckpoints } from '../../workshop/provision/index.ts';
import type { CheckpointTree } from '../../workshop/provision/checkpoint-tree.ts';
import { treeOf } from '../../workshop/provision/checkpoint-tree.ts';
import { sizeBytes } from '../../workshop/build/plan.ts';
import { shortDigest } from '../../crypto/digest.ts';
import type { Context } from '../context.ts';
import { bytes, minute, printResult, table } from '../output.ts';

export async function list(context: Context): Promise<undefined> {
  const checkpoints = await openCheckpoints(context.home.checkpointsDir).list();
  printResult(context, checkpoints, () =>
    checkpoints.length === 0
      ? 'No checkpoints.'
      : table(
          ['checkpoint', 'recipe', 'after step', 'size', 'made'],
          checkpoints.map((one) => [
            shortDigest(one.key),
            one.recipe,
            one.step,
            bytes(one.sizeBytes),
            minute(one.createdAt),
          ]),
        ),
  );
  return undefined;
}

export async function tree(context: Context): Promise<undefined> {
  const roots = treeOf(await openCheckpoints(context.home.checkpointsDir).list());
  printResult(context, roots, () => (roots.length === 0 ? 'No checkpoints.' : roots.flatMap((root) => draw(root, ''))));
  return undefined;
}

function draw(node: CheckpointTree, indent: string): string[] {
  const { recipe, step, sizeBytes: size } = node.checkpoint;
  return [
    `${indent}${recipe}: ${step} (${bytes(size)})`,
    ...node.children.flatMap((child) => draw(child, `${indent}  `)),
  ];
}

export async function prune(context: Context, flags: { to: string }): Promise<undefined> {
  const keep = flags.to === '0' ? 0 : sizeBytes(flags.to);
  const { removed, freedBytes } = await openCheckpoints(context.home.checkpointsDir).prune(keep);
  printResult(
    context,
    { removed: removed.map(({ key }) => key), freedBytes },
    () => `${removed.length} checkpoints removed, ${bytes(freedBytes)} freed.`,
  );
  return undefined;
}
