/** The person takes the machine over where a step failed: what they do there becomes a patch. */
import { durationMs } from '../../recipe/duration.ts';
import type { Operation } from '../../recipe/types.ts';
import { recordedSteps, recordingFor } from '../../workshop/provision/recording.ts';
import { outlasted, takenOver } from '../../workshop/provision/take-over.ts';
import type { RepairAnswer } from '../../workshop/provision/types.ts';
import { driveByHand } from '../take-over/drive.ts';
import { reviewSteps } from '../take-over/review.ts';
import { agrees, problemLines } from './conversation.ts';
import { PortalgunError } from '../../errors.ts';
import type { RepairTalk } from './terminal-repair.ts';

export async function takeOver(
  talk: RepairTalk,
  check: (operations: readonly Operation[], summary: string) => Promise<RepairAnswer | undefined>,
): Promise<RepairAnswer | undefined> {
  const { request, show, lines, signal, options } = talk;
  const { live, resolved, failure } = request;
  if (live === undefined) {
    show('The machine cannot be taken over here.');
    return undefined;
  }
  const { input, output, kind, reader } = options;
  const driven = await lines
    .lend(() =>
      driveByHand({
        live,
        terminal: { input, output, ...(kind !== undefined && { kind }) },
        title: `step "${failure.stepId}"`,
        signal,
      }),
    )
    .catch((error: unknown) => {
      if (!(error instanceof PortalgunError) || error.code !== 'cli/no-screen') throw error;
      show(...problemLines(error));
      return null;
    });
  if (driven === null) return undefined;
  const { recording, last } = driven;
  const look = { request, last, reader, pictures: live.pictures, durationMs, signal };
  const recorded = recordedSteps(recording, recordingFor(resolved.of.recipe, reader, live.hostFactor));
  if (recorded.steps.length === 0) {
    const longer = await outlasted({ ...look, hostFactor: live.hostFactor });
    if (longer.length > 0) {
      show('You did nothing, and what the step expects is there now: it only needs more time.');
      return check(longer, `the step "${failure.stepId}" is given more time`);
    }
    show('Nothing was done that the screen showed: there is nothing to record.');
    return undefined;
  }
  const steps = await reviewSteps(talk, recorded);
  if (steps === undefined || steps.length === 0) return undefined;
  const { operations, leadsTo } = await takenOver({ ...look, recording, steps });
  if (leadsTo === 'elsewhere') {
    show('The machine is not at a point that the recipe goes on from: the step after it will likely fail.');
    if (!(await agrees(talk, 'Use it all the same?'))) return undefined;
  }
  return check(
    operations,
    `the step "${failure.stepId}" done by hand, recorded as ${steps.length === 1 ? 'one step' : `${steps.length} steps`}`,
  );
}
