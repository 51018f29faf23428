import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Attempt, type Condition, type NamedDifference, type Possession } from '../../crosscheck/index.ts';
import { errnoOf, InterruptedError, UsageError } from '../../errors.ts';
import { latestBuildOf } from '../../node/build-records.ts';
import { connect } from '../../node/connect.ts';
import type { Context } from '../context.ts';
import { describeDifferences } from '../differences.ts';
import { columns, note, paint, printResult, table, type Colour } from '../output.ts';

/** How often `--watch` compares again. Peers' records come by themselves, whenever they publish. */
const WATCH_INTERVAL_MS = 5_000;

interface Verdict {
  readonly peer: string;
  readonly verdict: string;
  readonly because: string;
  readonly shared: readonly string[];
  readonly conditions: readonly Condition[];
  readonly attempts: readonly Attempt[];
  readonly differences?: readonly NamedDifference[];
  readonly differenceCount?: number;
  readonly differencesUnknown?: string;
  readonly possession?: Possession;
}

interface Answer {
  readonly recipe: string;
  readonly manifest: string;
  readonly verdicts: readonly Verdict[];
  readonly quorum: {
    readonly result: string;
    readonly because: readonly string[];
    readonly missing: readonly string[];
  };
}

interface Flags {
  readonly peer?: string;
  readonly proof?: string;
  readonly watch?: boolean;
  readonly challenge?: boolean;
}

const COLOUR: Readonly<Record<string, Colour>> = { match: 'green', differs: 'red', failed: 'red' };

/** Exit code 4 where any configured peer's build differs. */
export async function crosscheck(context: Context, recipe: string, flags: Flags): Promise<number> {
  const build = await latestBuildOf(context.home, recipe);
  if (flags.proof !== undefined) {
    await writeProof(context, { build: build.id, peer: flags.peer }, flags.proof);
    return 4;
  }
  const args = { build: build.id, peer: flags.peer, challenge: flags.challenge };
  if (flags.challenge === true) note(context, 'Both sides read their images: that takes some minutes.');
  const first = await connect(context.home);
  if (!first.live)
    note(context, 'No node runs for this home: comparing with what is already stored (portalgun node start).');
  let answer = await first.call<Answer>('crosscheck', args, context.signal);
  printResult(context, answer, () => describe(context, answer, build.recipeName));
  while (flags.watch === true) {
    await setTimeout(WATCH_INTERVAL_MS, undefined, { signal: context.signal }).catch((cause: unknown) => {
      throw new InterruptedError(undefined, { cause });
    });
    // A node may have been started or stopped since.
    const home = await connect(context.home);
    const now = await home.call<Answer>('crosscheck', args, context.signal);
    if (isDeepStrictEqual(now, answer)) continue;
    answer = now;
    printResult(context, answer, () => ['', ...describe(context, answer, build.recipeName)]);
  }
  return answer.verdicts.some(({ verdict }) => verdict === 'differs') ? 4 : 0;
}

/** Never over a file that is there: it may be somebody's other proof. */
async function writeProof(context: Context, about: object, file: string): Promise<void> {
  const home = await connect(context.home);
  const found = await home.call<Proof>('crosscheck.proof', about, context.signal);
  try {
    await writeFile(file, found.proof, { flag: 'wx' });
  } catch (cause) {
    const why = errnoOf(cause) === 'EEXIST' ? 'it is there already' : String(errnoOf(cause));
    throw new UsageError('crosscheck/cannot-write', `cannot write ${file}: ${why}`, { cause });
  }
  printResult(context, { file, peer: found.peer, record: found.record }, () => [
    `${file} holds your signed build and ${found.peer}’s, which contradict each other.`,
    `Anybody can check it: portalgun verify ${file}`,
  ]);
}

interface Proof {
  readonly peer: string;
  readonly record: string;
  readonly proof: string;
}

function describe(context: Context, answer: Answer, recipeName: string): string[] {
  if (answer.verdicts.length === 0)
    return ['There is nobody to compare with. Add a peer: portalgun peer add INVITATION'];
  const rows = answer.verdicts.map(({ peer, verdict, because }) => [peer, verdict, because]);
  const [header = '', ...lines] = table(['peer', 'verdict', 'because'], rows, columns(context));
  const painted = lines.map((line, index) => {
    const verdict = answer.verdicts[index]?.verdict ?? '';
    const colour = COLOUR[verdict];
    return colour ? line.replace(verdict, paint(context, 'stdout', colour, verdict)) : line;
  });
  return [
    `${recipeName}: manifest ${answer.manifest}`,
    '',
    header,
    ...painted,
    ...answer.verdicts.flatMap((verdict) => detail(verdict, recipeName)),
    ...(answer.quorum.result === 'no-rule'
      ? []
      : ['', `quorum: ${answer.quorum.result}`, ...answer.quorum.because.map((line) => `  ${line}`)]),
  ];
}

function detail(verdict: Verdict, recipeName: string): string[] {
  const { peer } = verdict;
  const lines: string[] = [];
  if (verdict.verdict === 'match' && verdict.shared.length > 0) {
    lines.push('', `${peer} built under equal conditions: a fault there would be shared.`, ...conditions(verdict));
    if (verdict.shared.length < verdict.conditions.length)
      lines.push('Where it was another, a fault of one would show:', ...otherConditions(verdict));
  }
  if (verdict.possession) lines.push('', ...possession(verdict.possession, peer));
  if (verdict.differencesUnknown !== undefined) lines.push('', verdict.differencesUnknown);
  if (verdict.differences) {
    lines.push('', `${verdict.differenceCount} entries differ from ${peer}’s:`);
    lines.push(...describeDifferences(verdict.differences, { left: 'yours', right: `${peer}’s` }));
  }
  if (verdict.verdict === 'differs') {
    lines.push(
      '',
      `What ${peer} built it with, where that is not what you had:`,
      ...otherConditions(verdict),
      'Next: see whether yours is the same again, and if not, why (portalgun build RECIPE --twice).',
      `To show it to others: portalgun crosscheck ${recipeName} --peer ${peer} --proof FILE`,
    );
  }
  if (verdict.attempts.length > 1) lines.push('', `${peer} has tried before, newest first:`, ...history(verdict));
  return lines;
}

function possession(said: Possession, peer: string): string[] {
  if (said.result === 'proved') return [`${peer} has shown that they hold it: ${said.paths} entries, drawn at random.`];
  if (said.result === 'unanswered') return [`${peer} has not shown that they hold it: ${said.because}`];
  return [
    `${peer} does not hold what they have signed. These entries are not what they say:`,
    ...said.wrong.map((path) => `  ${path}`),
  ];
}

function conditions({ conditions: all, shared }: Verdict): string[] {
  return all.filter(({ what }) => shared.includes(what)).map(({ what, mine }) => `  ${what}: ${mine}`);
}

function otherConditions({ conditions: all }: Verdict): string[] {
  const other = all.filter(({ mine, theirs }) => mine !== theirs);
  if (other.length === 0) return ['  nothing: QEMU, accelerator, machine, processor and keys are the same'];
  return other.map(({ what, mine, theirs }) => `  ${what}: ${theirs || 'not said'}, yours ${mine}`);
}

function history({ attempts }: Verdict): string[] {
  const words = attempts.map(({ result, withdrawn }) => (withdrawn ? `${result} (withdrawn)` : result));
  // Runs of the same result are told as one.
  const runs: { word: string; count: number }[] = [];
  for (const word of words) {
    const last = runs.at(-1);
    if (last?.word === word) last.count += 1;
    else runs.push({ word, count: 1 });
  }
  return runs.map(({ word, count }) => `  ${word}${count === 1 ? '' : `, ${count} times`}`);
}
