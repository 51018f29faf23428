/** Steps as YAML in the person's editor, until they are right, or given up. */
import { parse, stringify } from 'yaml';
import { PortalgunError } from '../../errors.ts';
import { formatPath } from '../../recipe/problems.ts';
import { shapeProblems } from '../../recipe/shape.ts';
import type { Step } from '../../recipe/types.ts';
import { problemLines, type Conversation } from './conversation.ts';

/**
 * `take` gets what was written, in shape; it gives `undefined` where that cannot be used, after saying why. Resolves
 * with `undefined` where the person gives up or the editor fails.
 */
export async function editSteps<T>(
  talk: Conversation,
  steps: readonly Step[] | Step,
  heading: string,
  take: (steps: readonly Step[]) => Promise<T | undefined>,
): Promise<T | undefined> {
  const { lines, show, signal, editor } = talk;
  let text = `${heading}${stringify(steps, { lineWidth: 0 })}`;
  for (;;) {
    try {
      text = await lines.lend(() => editor(text, signal));
    } catch (error) {
      if (!(error instanceof PortalgunError)) throw error;
      show(...problemLines(error));
      return undefined;
    }
    const edited = readSteps(text, talk.show);
    const taken = edited === undefined ? undefined : await take(edited);
    if (taken !== undefined) return taken;
    const again = await lines.ask('Edit again? [y]es, or [n]o and lose the changes: ', signal);
    if (again === null || again.trim().toLowerCase().startsWith('n')) return undefined;
  }
}

/** In shape; whether they make sense in their recipe is found out when they are put in. */
function readSteps(text: string, show: Conversation['show']): readonly Step[] | undefined {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    show(`This is not YAML: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
  const steps: readonly unknown[] = Array.isArray(value) ? value : [value];
  const problems = steps.flatMap((step) => shapeProblems(step, 'step'));
  if (steps.every(isStep)) return steps;
  show(
    'This is not a step:',
    ...problems.map(({ path, message }) => `  ${path.length > 0 ? `${formatPath(path)}: ` : ''}${message}`),
  );
  return undefined;
}

function isStep(value: unknown): value is Step {
  return shapeProblems(value, 'step').length === 0;
}
