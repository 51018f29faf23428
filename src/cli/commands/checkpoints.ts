import { openCheckpoints } from '../../workshop/provision/index.ts';
import type { CheckpointTree } from '../../workshop/provision/checkpoint-tree.ts';
import { branchBytes, treeOf } from '../../workshop/provision/checkpoint-tree.ts';
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
  const total = roots.reduce((sum, root) => sum + branchBytes(root), 0);
  printResult(context, roots, () =>
    roots.length === 0 ? 'No checkpoints.' : [...roots.flatMap((root) => draw(root)), '', `${bytes(total)} in all.`],
  );
  return undefined;
}

/** One stem is one column: only where several things grew from a checkpoint do lines branch off. */
function draw(node: CheckpointTree, lead = '', own = ''): string[] {
  const { recipe, step, key, sizeBytes: size } = node.checkpoint;
  const whole = node.children.length === 0 ? '' : `, with all below it ${bytes(branchBytes(node))}`;
  const forks = node.children.length > 1;
  return [
    `${own}${recipe}: ${step}  ${shortDigest(key)}  ${bytes(size)}${whole}`,
    ...node.children.flatMap((child, index) => {
      if (!forks) return draw(child, lead, lead);
      const last = index === node.children.length - 1;
      return draw(child, `${lead}${last ? '   ' : '│  '}`, `${lead}${last ? '└─ ' : '├─ '}`);
    }),
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
