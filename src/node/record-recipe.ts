/** A recording of this home: one machine at a time, like a build, and nothing of it is kept. */
import path from 'node:path';
import { UsageError } from '../errors.ts';
import type { BuildEvent } from '../workshop/provision/types.ts';
import type { LiveMachine } from '../workshop/provision/recorder.ts';
import { recordOn, type RecordedOn } from '../workshop/build/record.ts';
import type { Skeleton } from '../recipe/skeleton.ts';
import type { Lock } from '../recipe/types.ts';
import { takeBuildLock } from './build-lock.ts';
import { openHome, type Home } from './home.ts';
import { mediaSources } from './media-sources.ts';

export interface RecordCommand<T> {
  readonly home: Home;
  readonly skeleton: Skeleton;
  /** Where files beside the recipe lie. */
  readonly folder: string;
  readonly lock: Lock | undefined;
  readonly params: Readonly<Record<string, string>>;
  readonly drive: (live: LiveMachine) => Promise<T>;
  readonly emit: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** Rejects with `record/has-base`, with `build/busy` while something is built in this home, and as a build does. */
export async function recordRecipe<T>(command: RecordCommand<T>): Promise<RecordedOn<T>> {
  const { home, skeleton, drive, emit, signal, now } = command;
  const { base } = skeleton.checked.recipe;
  if (base !== undefined) {
    throw new UsageError('record/has-base', `a recipe with a base (${base.recipe}) cannot be recorded yet`, {
      hint: 'Write its first step by hand; a step that fails can be taken over in the build, and recorded there.',
    });
  }
  await openHome(home);
  const release = await takeBuildLock(home);
  try {
    return await recordOn({
      id: 'recording',
      checked: skeleton.checked,
      goOn: skeleton.hasSteps,
      recipeDir: command.folder,
      params: command.params,
      lock: command.lock,
      folders: {
        cache: home.cacheDir,
        checkpoints: home.checkpointsDir,
        images: home.imagesDir,
        build: home.buildsDir,
        runtime: path.join(home.runtime, 'vm'),
      },
      ...(await mediaSources(home)),
      drive,
      emit,
      signal,
      now,
    });
  } finally {
    await release();
  }
}
