import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describeCondition } from '../../recipe/conditions.ts';
import { askedOfNetwork, stepTimes, troubles, type AskedOf, type StepTrouble } from '../../node/build-history.ts';
import { findBuild, listBuilds, type BuildRecord } from '../../node/build-records.ts';
import { transcriptFile } from '../../node/build-files.ts';
import { errnoOf } from '../../errors.ts';
import { ownJson } from '../../node/own-json.ts';
import type { BuildEvent } from '../../workshop/provision/types.ts';
import { shortDigest } from '../../crypto/digest.ts';
import type { Context } from '../context.ts';
import { errorAnswer, noteUnreadable } from '../failure.ts';
import { bytes, printLine, printResult, seconds, table, wrap } from '../output.ts';
import { boxedScreen } from '../repair/boxed-screen.ts';
import { PHASE_WORDS, wrapped } from '../repair/report.ts';

export async function list(context: Context): Promise<undefined> {
  const { builds, unreadable } = await listBuilds(context.home);
  for (const { error } of unreadable) noteUnreadable(context, error);
  const listed = [...unreadable.map(({ id, error }) => ({ id, error: errorAnswer(error) })), ...builds];
  printResult(context, listed, () =>
    listed.length === 0
      ? 'No builds yet. Start with: portalgun build recipes/debian-12-tiny.yaml'
      : table(
          ['build', 'state', 'took', 'repairs', 'image'],
          [
            ...unreadable.map(({ id }) => [id, 'unreadable', '-', '-', '-']),
            ...builds.map((build) => [
              build.id,
              build.status,
              seconds(build.tookMs),
              String(build.repairs.length),
              build.image === undefined ? '-' : build.image === build.id ? 'yes' : build.image,
            ]),
          ],
        ),
  );
  return undefined;
}

export async function show(context: Context, id: string): Promise<undefined> {
  const build = await findBuild(context.home, id);
  const events = await transcriptOf(context, build.id);
  printResult(
    context,
    { build, steps: stepTimes(events), network: askedOfNetwork(events), troubles: troubles(events) },
    ({ steps, network, troubles: found }) => [
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
      ...networkLines(network, build.id),
      ...repairs(build),
      ...failure(context, build, found),
    ],
  );
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

function networkLines(network: readonly AskedOf[], id: string): string[] {
  if (network.length === 0) return [];
  const shown = network.slice(0, HOSTS_SHOWN);
  const denied = network.flatMap(({ outcome, what }) => (outcome === 'refused' || outcome === 'missing' ? what : []));
  return [
    '',
    ...table(
      ['the guest asked', 'what became of it', 'times', 'bytes'],
      shown.map(({ host, outcome, times, sizeBytes }) => [
        host,
        OUTCOMES[outcome],
        String(times),
        sizeBytes === 0 ? '-' : bytes(sizeBytes),
      ]),
      WIDTH,
    ),
    ...denied.slice(0, DENIED_SHOWN).flatMap((what) => wrapped('not had', what, WIDTH)),
    ...(shown.length < network.length || denied.length > DENIED_SHOWN
      ? [`the rest: portalgun builds show ${id} --json`]
      : []),
  ];
}

const OUTCOMES: Readonly<Record<AskedOf['outcome'], string>> = {
  served: 'served by the recipe',
  missing: 'not in the recipe',
  passed: 'let through',
  refused: 'refused',
};

function repairs(build: BuildRecord): string[] {
  if (build.repairs.length === 0) return [];
  return ['', 'repairs:', ...build.repairs.map(({ step, origin, summary }) => `  ${step} (${origin}): ${summary}`)];
}

/** A failure is explained from what was written down: nothing is run again. */
function failure(context: Context, build: BuildRecord, found: readonly StepTrouble[]): string[] {
  const trouble = found.findLast(({ cured }) => !cured);
  return [
    ...(build.failure ? ['', ...wrap(`failed: ${build.failure.message}`, WIDTH)] : []),
    ...(trouble === undefined ? [] : ['', ...explained(trouble, path.join(context.home.buildsDir, build.id))]),
  ];
}

function explained(trouble: StepTrouble, folder: string): string[] {
  const { step, phase, reason, expected, screen, nearest, picture, failures, tried } = trouble;
  return [
    `the step "${step}" failed ${failures === 1 ? 'once' : `${failures} times`}; the last time`,
    ...(expected ? wrapped('expected', `${PHASE_WORDS[phase]} ${describeCondition(expected)}`, WIDTH) : []),
    ...wrapped('because', reason, WIDTH),
    '   seen',
    ...boxedScreen(
      { lines: screen },
      { columns: WIDTH, maxRows: SCREEN_ROWS, marked: new Set(nearest.map(({ row }) => row)) },
    ),
    ...(nearest.length === 0 ? [] : ['   nearest']),
    ...nearest.flatMap(({ line, row, similarity }) =>
      wrapped('', `row ${row + 1}, ${Math.round(similarity * 100)} % alike: ${line}`, WIDTH),
    ),
    ...(picture === undefined ? [] : [`   picture   ${path.join(folder, picture)}`]),
    ...(tried.length === 0 ? ['   tried     nothing: nobody was there to ask'] : ['   tried']),
    ...tried.flatMap(({ source, what, patch }) =>
      wrapped('', `${source}${patch === undefined ? '' : ` ${shortDigest(patch)}`}: ${what}`, WIDTH),
    ),
  ];
}

const WIDTH = 80;
const SCREEN_ROWS = 24;
/** A guest may ask for ever, and of hosts that it makes up. */
const HOSTS_SHOWN = 20;
const DENIED_SHOWN = 10;
