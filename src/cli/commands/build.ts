import { connect } from '../../node/connect.ts';
import { findBases } from '../../node/recipe-bases.ts';
import { loadRecipe } from '../../node/recipe-source.ts';
import { buildAgain, refuseWithoutImage } from '../../node/build-twice.ts';
import { runBuild, type BuildCommand, type FinishedBuild } from '../../node/run-build.ts';
import { answerOf, type PeerRepairs } from '../../heal/index.ts';
import { createTerminalRepair, type Fix } from '../repair/index.ts';
import type { RepairRequest, RepairSource } from '../../workshop/provision/types.ts';
import type { Context } from '../context.ts';
import { jsonLine, note, printLine, printResult, seconds } from '../output.ts';
import { buildProgress } from '../build-progress.ts';
import { describeDifferences } from '../differences.ts';
import { confirmPatch, describeCandidate, yesOrNo } from '../confirm.ts';
import { pairs } from '../pairs.ts';
import { secretsFor } from '../secrets.ts';
import { publishBuild } from './publish.ts';

export interface BuildFlags {
  readonly param?: string[];
  readonly secret?: string[];
  readonly repair: 'ask' | 'auto' | 'never';
  readonly fresh?: boolean;
  readonly from?: string;
  readonly watch?: boolean;
  readonly twice?: boolean;
}

/** With `--twice` exit code 4 where the two differ. */
export async function build(context: Context, reference: string, flags: BuildFlags): Promise<number> {
  const command = await commandFor(context, reference, flags);
  if (flags.twice === true) refuseWithoutImage(command.source);
  const finished = await buildAndTell(context, command);
  return flags.twice === true ? buildTwice(context, command, finished) : 0;
}

export async function buildRecipe(context: Context, reference: string, flags: BuildFlags): Promise<FinishedBuild> {
  return buildAndTell(context, await commandFor(context, reference, flags));
}

async function buildAndTell(context: Context, command: BuildCommand): Promise<FinishedBuild> {
  const finished = await runBuild(command);
  tell(context, finished);
  const asked = command.confirm !== undefined && context.stdin.isTTY === true;
  if (asked && mendedByHand(finished)) await offerToPublish(context, finished.record.id);
  return finished;
}

async function buildTwice(context: Context, command: BuildCommand, finished: FinishedBuild): Promise<number> {
  const compared = await buildAgain(command, finished, ({ varied, kept }) => {
    if (context.json) return;
    printLine(context, '');
    printLine(context, 'Building it again from the same inputs. What is another this time:');
    for (const line of varied) printLine(context, `  ${line}`);
    if (kept.length > 0) printLine(context, 'What is not:');
    for (const line of kept) printLine(context, `  ${line}`);
  });
  const { equal, second, differences } = compared;
  if (context.json) printLine(context, jsonLine({ event: 'twice', ...compared }));
  else if (equal) printLine(context, 'Both builds gave the same manifest.');
  else {
    printLine(context, `The two builds differ in ${differences.length} entries; the second image is ${second}:`);
    for (const line of describeDifferences(differences, { left: 'the first', right: 'the second' }))
      printLine(context, line);
  }
  return equal ? 0 : 4;
}

async function commandFor(context: Context, reference: string, flags: BuildFlags): Promise<BuildCommand> {
  const connection = await connect(context.home);
  const source = await loadRecipe(reference, connection, context.signal);
  const bases = await findBases(source, connection, context.signal);
  const asks = flags.repair === 'ask' && !context.json;
  const secrets = await secretsFor(source, pairs(flags.secret ?? [], '--secret'), context.home);
  for (const { name, file } of secrets.generated) secretGenerated(context, name, file);
  return {
    home: context.home,
    connection,
    source,
    bases,
    params: pairs(flags.param ?? [], '--param'),
    secrets: secrets.values,
    repair: flags.repair,
    person: (arrivals) => (asks ? people(context, arrivals) : []),
    ...(asks && { confirm: (candidate, request, signal) => confirmPatch(context, candidate, request, signal) }),
    resume: flags.from === undefined ? !flags.fresh : { checkpoint: flags.from },
    emit: buildProgress(context, flags.watch ?? false),
    signal: context.signal,
    now: () => new Date(),
  };
}

/** Suggestions are shown by the person's own repair view; nothing is applied without them. */
function people(context: Context, arrivals: PeerRepairs['arrivals'] | undefined): RepairSource[] {
  const { stdin: input, stdout: output, environment } = context;
  return [createTerminalRepair({ input, output, environment, ...(arrivals && { fixes: fixesOf(arrivals) }) })];
}

/** A patch that arrives, as a person is told of it. */
function fixesOf(arrivals: PeerRepairs['arrivals']) {
  return async function* (request: RepairRequest, signal: AbortSignal): AsyncGenerator<Fix> {
    for await (const candidate of arrivals(request, signal)) {
      yield { answer: answerOf(candidate), lines: describeCandidate(candidate, request) };
    }
  };
}

function secretGenerated(context: Context, name: string, file: string): void {
  if (context.json) printLine(context, jsonLine({ event: 'secret-generated', name, file }));
  else note(context, `${name} was not given: one is made up and kept for you in ${file}`);
}

function tell(context: Context, { record, outcome }: FinishedBuild): void {
  if (context.json) {
    printLine(context, jsonLine({ event: 'build', build: record }));
    return;
  }
  printResult(context, record, () => [
    '',
    `${record.recipeName} is built: every expectation was met (${seconds(record.tookMs)}${outcome.resumedFrom === null ? '' : `, resumed after ${outcome.resumedFrom}`}).`,
    `build     ${record.id}`,
    ...record.repairs.map(({ step, origin, summary }) => `repaired  ${step} (${origin}): ${summary}`),
    ...(record.manifest === undefined ? [] : [`manifest  ${record.manifest}`]),
    ...(record.image === undefined
      ? ['This recipe makes no image.']
      : [`image     ${record.image}`, `boot it   portalgun run ${record.image}`]),
  ]);
}

function mendedByHand({ record }: FinishedBuild): boolean {
  return record.repairs.some(({ origin }) => origin !== 'trusted-patch');
}

async function offerToPublish(context: Context, id: string): Promise<void> {
  note(context, 'The screens before and after go with it, as text; to publish it without them:');
  note(context, `  portalgun publish ${id} --no-screens`);
  const yes = await yesOrNo(context, 'Publish your mended step, so that it heals others’ builds? [y/N] ');
  if (!yes) {
    printLine(context, `Kept. Publish it any time with: portalgun publish ${id}`);
    return;
  }
  for (const { what, record } of await publishBuild(context, await connect(context.home), id)) {
    printLine(context, `published ${what}: ${record}`);
  }
}
