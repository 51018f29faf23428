import path from 'node:path';
import { UsageError } from '../../errors.ts';
import { writeFileAtomic } from '../../node/atomic.ts';
import { recordRecipe } from '../../node/record-recipe.ts';
import { digestHex } from '../../crypto/digest.ts';
import { lintRecipe, type LintFinding } from '../../recipe/lint.ts';
import { skeletonFrom, skeletonOf, withSteps, type Skeleton } from '../../recipe/skeleton.ts';
import type { CheckedRecipe, Medium, Output } from '../../recipe/types.ts';
import { digestFile } from '../../workshop/media/digest-file.ts';
import { recordedSteps, recordingFor, type Recorded } from '../../workshop/provision/recording.ts';
import { findText } from '../../workshop/screen/match.ts';
import { nearestLines } from '../../workshop/screen/nearest.ts';
import { buildProgress } from '../build-progress.ts';
import type { Context } from '../context.ts';
import { jsonLine, printLine } from '../output.ts';
import { pairs } from '../pairs.ts';
import { lockBeside, readRecipeFile, refuseExisting, refuseOtherThanYaml } from '../recipe-file.ts';
import { readLines } from '../repair/lines.ts';
import { editorFor } from '../repair/editor.ts';
import type { Conversation } from '../repair/conversation.ts';
import { driveByHand, type Driven } from '../take-over/drive.ts';
import { reviewSteps } from '../take-over/review.ts';
import { buildRecipe } from './build.ts';

export interface RecordFlags {
  readonly isoPackage?: string;
  readonly iso?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly kernelArgs?: string;
  readonly memory: string;
  readonly disk?: string[];
  readonly from?: string;
  readonly param?: string[];
}

const READER = { find: findText, nearest: nearestLines };

/** A recipe of what the person does; done once a build has passed by it alone. */
export async function record(context: Context, file: string, flags: RecordFlags): Promise<undefined> {
  if (context.stdin.isTTY !== true || context.stdout.isTTY !== true) {
    throw new UsageError('record/no-terminal', 'a recording needs a person at a terminal', {
      hint: 'Run it in a terminal; to write a recipe by hand: portalgun recipe new NAME',
    });
  }
  refuseOtherThanYaml(file);
  await refuseExisting(file, 'Choose another name.');
  const skeleton = await skeletonFor(file, flags, context.signal);
  const driven = await drive(context, file, skeleton, flags);
  if (driven.result === null) {
    printLine(context, 'Nothing is kept of it.');
    return undefined;
  }
  const checked = await review(context, skeleton, driven.result);
  if (checked === undefined) {
    printLine(context, 'Nothing is kept of it.');
    return undefined;
  }
  await writeFileAtomic(file, checked.source, 0o644);
  printLine(context, `${file} is written. Replaying it from power-on, without you:`);
  const finished = await buildRecipe(context, file, {
    repair: 'ask',
    fresh: true,
    ...(flags.param && { param: flags.param }),
  });
  const { final } = finished.outcome;
  if (final.of.digest !== checked.digest) {
    await writeFileAtomic(file, final.of.source, 0o644);
    printLine(context, `${file} is written again, with what was mended.`);
  }
  const result = { file, digest: final.of.digest, steps: final.of.recipe.steps.length, build: finished.record.id };
  if (context.json) printLine(context, jsonLine(result));
  else printLine(context, `${file} passed by itself: ${result.steps} steps.`);
  return undefined;
}

async function drive(
  context: Context,
  file: string,
  skeleton: Skeleton,
  flags: RecordFlags,
): Promise<{ readonly result: (Driven & { readonly hostFactor: number }) | null }> {
  const { stdin: input, stdout: output, environment, signal } = context;
  return recordRecipe({
    home: context.home,
    skeleton,
    folder: path.dirname(path.resolve(flags.from ?? file)),
    lock: flags.from === undefined ? undefined : await lockBeside(flags.from),
    params: pairs(flags.param ?? [], '--param'),
    drive: async (live) => {
      const terminal = { input, output, ...(environment['TERM'] !== undefined && { kind: environment['TERM'] }) };
      const driven = await driveByHand({ live, terminal, title: `recording ${path.basename(file)}`, signal });
      return driven && { ...driven, hostFactor: live.hostFactor };
    },
    emit: buildProgress({ ...context, json: false }, false),
    signal,
    now: () => new Date(),
  });
}

/** The recipe that the person agrees to; `undefined` where they want none. */
async function review(
  context: Context,
  skeleton: Skeleton,
  { recording, hostFactor }: Driven & { readonly hostFactor: number },
): Promise<CheckedRecipe | undefined> {
  const { recipe } = skeleton.checked;
  const recorded = recordedSteps(recording, recordingFor(recipe, READER, hostFactor));
  const [disk] = recipe.machine?.disks ?? [];
  const outputs: Output[] = recording.off && disk ? [{ disk: disk.id, as: 'image' }] : [];
  const lines = readLines(context.stdin, context.stdout);
  const talk: Conversation = {
    lines,
    show: (...shown) => printLine(context, shown.join('\n')),
    editor: editorFor(context.environment),
    signal: context.signal,
  };
  try {
    for (let offered: Recorded = recorded; ;) {
      const steps = await reviewSteps(talk, offered);
      if (steps === undefined) return undefined;
      const checked = withSteps(skeleton, steps, outputs);
      const errors = lintRecipe(checked).filter(({ severity }) => severity === 'error');
      if (errors.length === 0) return checked;
      talk.show(...errors.map(inWords));
      offered = { steps, hidden: [], unconfirmed: [], unanswered: [] };
    }
  } finally {
    lines.close();
  }
}

function inWords({ step, message }: LintFinding): string {
  return `error${step === undefined ? '' : ` in ${step}`}: ${message}`;
}

async function skeletonFor(file: string, flags: RecordFlags, signal: AbortSignal): Promise<Skeleton> {
  const media = await mediaOf(file, flags, signal);
  if (flags.from !== undefined) {
    if (Object.keys(media).length > 0)
      throw new UsageError('record/two-beginnings', '--from has its own media: give it, or media, not both');
    return skeletonFrom(await readRecipeFile(flags.from), flags.from);
  }
  if (Object.keys(media).length === 0) {
    throw new UsageError('record/no-media', 'a recording needs something to boot', {
      hint: 'Give --iso-package PACKAGE:PATH, --iso FILE, --kernel PACKAGE:PATH, or --from RECIPE.',
    });
  }
  return skeletonOf({
    name: path.basename(file).replace(/\.ya?ml$/, ''),
    media,
    memory: flags.memory,
    ...(flags.kernelArgs !== undefined && { kernelArgs: flags.kernelArgs }),
    disks: Object.entries(pairs(flags.disk ?? [], '--disk')).map(([id, size]) => ({ id, size })),
  });
}

async function mediaOf(file: string, flags: RecordFlags, signal: AbortSignal): Promise<Record<string, Medium>> {
  if (flags.iso !== undefined && flags.isoPackage !== undefined)
    throw new UsageError('record/two-isos', '--iso and --iso-package: the machine boots from one of them');
  return {
    ...(flags.isoPackage !== undefined && { iso: packageFile('--iso-package', flags.isoPackage) }),
    ...(flags.iso !== undefined && { iso: await localFile(file, flags.iso, signal) }),
    ...(flags.kernel !== undefined && { kernel: packageFile('--kernel', flags.kernel) }),
    ...(flags.initrd !== undefined && { initrd: packageFile('--initrd', flags.initrd) }),
  };
}

/** `grub-rescue-pc:usr/lib/…`. */
function packageFile(flag: string, text: string): Medium {
  const [, name, inside] = /^([^:]+):\/?(.+)$/.exec(text) ?? [];
  if (name === undefined || inside === undefined)
    throw new UsageError('record/bad-medium', `${flag} ${text}: expected PACKAGE:PATH, a file of a Debian package`);
  return { package: name, path: inside };
}

/** A file beside the recipe, named by its digest: what was recorded with it is for it. */
async function localFile(recipe: string, iso: string, signal: AbortSignal): Promise<Medium> {
  const relative = path.relative(path.dirname(path.resolve(recipe)), path.resolve(iso));
  if (relative.startsWith('..'))
    throw new UsageError('record/iso-elsewhere', `${iso} must lie beside the recipe, or below it`);
  return { file: relative, sha256: await digestOfFile(iso, signal) };
}

async function digestOfFile(file: string, signal: AbortSignal): Promise<string> {
  try {
    return digestHex((await digestFile(file, { signal })).sha256);
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new UsageError('record/unreadable-iso', `cannot read ${file}`, { cause });
  }
}
