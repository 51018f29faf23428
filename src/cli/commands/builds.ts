import { readFile } from 'node:fs/promises';
import { findBuild, listBuilds, type BuildRecord } from '../../node/build-records.ts';
import { transcriptFile } from '../../node/build-files.ts';
import { errnoOf } from '../../errors.ts';
import { ownJson } from '../../node/own-json.ts';
import type { BuildEvent } from '../../workshop/provision/types.ts';
import { shortDigest } from '../../crypto/digest.ts';
import type { Context } from '../context.ts';
import { printLine, printResult, seconds, table } from '../output.ts';

export async function list(context: Context): Promise<undefined> {
  const builds = await listBuilds(context.home);
  printResult(context, builds, () =>
    builds.length === 0
      ? 'No builds yet. Start with: portalgun build recipes/debian-12-tiny.yaml'
      : table(
          ['build', 'state', 'took', 'repairs', 'image'],
          builds.map((build) => [
            build.id,
            build.status,
            seconds(build.tookMs),
            String(build.repairs.length),
            build.image === undefined ? '-' : build.image === build.id ? 'yes' : build.image,
          ]),
        ),
  );
  return undefined;
}

export async function show(context: Context, id: string): Promise<undefined> {
  const build = await findBuild(context.home, id);
  const events = await transcriptOf(context, build.id);
  printResult(context, { build, steps: stepTimes(events) }, ({ steps }) => [
    `build    ${build.id}: ${build.status}`,
    `recipe   ${build.recipeName}, ${shortDigest(build.startedRecipe)}${build.finalRecipe === build.startedRecipe ? '' : ` → ${shortDigest(build.finalRecipe)}`}`,
    `took     ${seconds(build.tookMs)}`,
    ...(build.image === undefined ? [] : [`image    ${build.image}`]),
    ...(build.manifest === undefined ? [] : [`manifest ${build.manifest}`]),
    '',
    ...table(
      ['step', 'took', 'tries'],
      steps.map(({ step, tookMs, tries }) => [step, tookMs === null ? 'not done' : seconds(tookMs), String(tries)]),
    ),
    ...repairs(build),
    ...failure(build, events),
  ]);
  return undefined;
}

export async function log(context: Context, id: string): Promise<undefined> {
  const build = await findBuild(context.home, id);
  printLine(context, (await transcriptText(context, build.id)).trimEnd());
  return undefined;
}

/** Empty for a build that was killed before it wrote a line. */
async function transcriptText(context: Context, id: string): Promise<string> {
  try {
    return await readFile(transcriptFile(context.home, id), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

async function transcriptOf(context: Context, id: string): Promise<BuildEvent[]> {
  const text = await transcriptText(context, id);
  const events: BuildEvent[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      events.push(ownJson<BuildEvent>(line));
    } catch {
      break; // the last line of a build that was killed while writing it
    }
  }
  return events;
}

interface StepTime {
  readonly step: string;
  readonly tookMs: number | null;
  readonly tries: number;
}

function stepTimes(events: readonly BuildEvent[]): StepTime[] {
  const times = new Map<string, { tookMs: number | null; tries: number }>();
  for (const event of events) {
    if (event.event !== 'step-start' && event.event !== 'step-done') continue;
    const time = times.get(event.step) ?? { tookMs: null, tries: 0 };
    if (event.event === 'step-start') time.tries += 1;
    else time.tookMs = event.tookMs;
    times.set(event.step, time);
  }
  return [...times].map(([step, time]) => ({ step, ...time }));
}

function repairs(build: BuildRecord): string[] {
  if (build.repairs.length === 0) return [];
  return ['', 'repairs:', ...build.repairs.map(({ step, origin, summary }) => `  ${step} (${origin}): ${summary}`)];
}

/** A failure is explained from what was written down: nothing is run again. */
function failure(build: BuildRecord, events: readonly BuildEvent[]): string[] {
  if (!build.failure) return [];
  const last = events.findLast((event) => event.event === 'step-failed');
  const screen =
    last?.event === 'step-failed' ? ['', 'the screen then:', ...last.screen.map((line) => `  | ${line}`)] : [];
  return ['', `failed: ${build.failure.message}`, ...screen];
}
