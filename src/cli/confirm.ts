/** Questions that are answered with yes or no at the terminal. */
import readline from 'node:readline/promises';
import { describeOperations } from '../recipe/index.ts';
import type { Candidate } from '../heal/candidates.ts';
import type { RepairRequest } from '../workshop/provision/types.ts';
import type { Context } from './context.ts';
import { printLine } from './output.ts';

/** Anything but a yes is a no. */
export async function yesOrNo(
  context: Context,
  question: string,
  signal: AbortSignal = context.signal,
): Promise<boolean> {
  const prompt = readline.createInterface({
    input: context.stdin,
    output: context.stdout,
    terminal: context.stdin.isTTY === true,
  });
  try {
    return /^y(es)?$/i.test((await prompt.question(question, { signal })).trim());
  } finally {
    prompt.close();
  }
}

/** Shows a peer's patch like a review, with what policy says, and asks. */
export async function confirmPatch(
  context: Context,
  candidate: Candidate,
  request: RepairRequest,
  signal: AbortSignal,
): Promise<boolean> {
  if (context.stdin.isTTY !== true) return false; // nobody is there to ask
  printLine(context);
  for (const line of describeCandidate(candidate, request)) printLine(context, line);
  return yesOrNo(context, 'Try it on your machine? [y/N] ', signal);
}

/** Like a review: what it changes, and what policy says. */
export function describeCandidate(candidate: Candidate, request: RepairRequest): string[] {
  return [
    `A patch by ${candidate.author} may cure step ${request.step.id}: ${candidate.summary}`,
    ...describeOperations(request.resolved.of, candidate.operations).map((line) => `  ${line}`),
    ...candidate.decision.because.map((reason) => `  ${reason}`),
  ];
}
