import { readFile, stat } from 'node:fs/promises';
import { PortalgunError, UsageError } from '../../errors.ts';
import { parseRecipe } from '../../recipe/parse.ts';
import { symptomOf } from '../../heal/symptom.ts';
import { findBuild, writeBuildRecord, type BuildRecord, type KeptRepair } from '../../node/build-records.ts';
import { connect, type HomeConnection } from '../../node/connect.ts';
import { loadConfig } from '../../node/config.ts';
import type { Digest } from '../../crypto/digest.ts';
import { readRecipeVersion, readScreen } from '../../node/build-files.ts';
import type { Context } from '../context.ts';
import { note, printResult } from '../output.ts';

type Given = Pick<Published, 'record' | 'waiting'>;

interface Published {
  readonly what: string;
  readonly record: Digest;
  /** It is in the outbox; its id is provisional. */
  readonly waiting?: true;
}

/** A recipe file, or a build: its attestation, the patches made in it, and that its peers' patches worked here. */
export async function publish(
  context: Context,
  what: string,
  flags: { screens: boolean; offline?: boolean; group?: string },
): Promise<undefined> {
  const home = publishing(await connect(context.home), flags.offline ?? false);
  const isRecipe = await isFile(what);
  if (flags.group !== undefined && !isRecipe) {
    throw new UsageError(
      'publish/group',
      `only a recipe file can be published in a private group, and ${what} is none`,
      {
        hint: 'Builds and patches are published to everybody who follows you.',
      },
    );
  }
  const published = isRecipe
    ? [await publishRecipe(context, home, what, flags.group)]
    : await publishBuild(context, home, what, flags.screens);
  printResult(context, published, (list) =>
    list.length === 0
      ? 'There is nothing new to publish of it.'
      : list.map((one) => `${one.waiting ? 'waiting   ' : 'published '}${one.what}: ${one.record}`),
  );
  if (published.some(({ waiting }) => waiting)) note(context, WAITING);
  else if (!home.live) note(context, 'No node runs for this home: peers get it when one does (portalgun node start).');
  return undefined;
}

const WAITING =
  'It gets its place in your feed when a peer has said how far they have it (portalgun node start); --offline gives it one now.';

/** Every operation with the person's word that nothing of their feed is anywhere else, if they gave it. */
function publishing(home: HomeConnection, offline: boolean): HomeConnection {
  return {
    live: home.live,
    call: (operation, args, signal) => home.call(operation, { ...(args as object), offline }, signal),
  };
}

async function publishRecipe(
  context: Context,
  home: HomeConnection,
  file: string,
  group: string | undefined,
): Promise<Published> {
  const yaml = await readFile(file, 'utf8');
  const lockFile = file.replace(/\.ya?ml$/, '.lock.yaml');
  const lockYaml = (await isFile(lockFile)) ? await readFile(lockFile, 'utf8') : undefined;
  const { record, waiting } = await home.call<Given>('publish.recipe', { yaml, file, lockYaml, group }, context.signal);
  const { base } = parseRecipe(yaml, file).recipe;
  if (base !== undefined && !(await isPublished(context, home, base.digest)))
    note(
      context,
      `Its base ${base.recipe} is not published: others cannot build it until you, or its author, do that.`,
    );
  return { what: `recipe ${file}`, record, ...(waiting && { waiting }) };
}

async function isPublished(context: Context, home: HomeConnection, recipe: Digest): Promise<boolean> {
  try {
    await home.call('recipe.get', { recipe }, context.signal);
    return true;
  } catch (error) {
    if (error instanceof PortalgunError && error.code === 'recipe/unknown') return false;
    throw error;
  }
}

/** With `screens` a patch names what the step showed before and after it, which peers may then ask for. */
export async function publishBuild(
  context: Context,
  home: HomeConnection,
  id: string,
  screens = true,
): Promise<Published[]> {
  const build = await findBuild(context.home, id);
  if (build.again !== undefined) {
    throw new UsageError('publish/made-to-compare', `${id} was made to be compared with ${build.again}`, {
      hint: `Publish that one: portalgun publish ${build.again}`,
    });
  }
  const { network } = await loadConfig(context.home);
  const done = new Map(Object.entries(build.published ?? {}));
  const list: Published[] = [];
  const once = async (key: string, what: string, operation: string, args: unknown): Promise<void> => {
    if (done.has(key)) return;
    const { record, waiting } = await home.call<Given>(operation, args, context.signal);
    done.set(key, record);
    list.push({ what, record, ...(waiting && { waiting }) });
    await writeBuildRecord(context.home, { ...build, published: Object.fromEntries(done) });
  };

  if (build.status === 'failed') await publishFailure(build, once);
  if (build.status !== 'done') return list;
  if (build.attestation && build.manifest) {
    await home.call('manifest.keep', { build: build.id }, context.signal);
    const args = { build: build.id };
    await once('attestation', `attestation of ${build.recipeName}`, 'publish.attestation', args);
  }
  const attestation = done.get('attestation');
  for (const [index, repair] of build.repairs.entries()) {
    if (repair.origin === 'trusted-patch') {
      const args = { of: repair.patch, reviewed: 'build', attestation };
      await once(`endorsement-${index}`, `“works here” for ${repair.patch}`, 'publish.endorsement', args);
      continue;
    }
    await once(`patch-${index}`, `patch: ${repair.summary}`, 'publish.patch', {
      base: repair.base,
      result: repair.result,
      operations: repair.operations,
      source: await readRecipeVersion(context.home, build, repair.base),
      symptom: symptomOf(network, repair.stepDigest, repair.expected),
      origin: repair.origin,
      summary: repair.summary,
      verifiedBy: attestation,
      ...(screens && (await screensOf(context, build, repair))),
    });
  }
  return list;
}

/** Others see what the step showed: as text, masked where it was read. */
async function screensOf(
  context: Context,
  build: BuildRecord,
  { evidence }: KeptRepair,
): Promise<{ readonly screenBefore?: string; readonly screenAfter?: string }> {
  const read = async (digest: Digest | undefined) =>
    digest === undefined ? undefined : (await readScreen(context.home, build, digest)) || undefined;
  const [screenBefore, screenAfter] = [await read(evidence?.before), await read(evidence?.after)];
  return { ...(screenBefore !== undefined && { screenBefore }), ...(screenAfter !== undefined && { screenAfter }) };
}

async function publishFailure(
  build: BuildRecord,
  once: (key: string, what: string, operation: string, args: unknown) => Promise<void>,
): Promise<void> {
  if (build.failure?.step === undefined) return; // it failed before its first step: that says nothing about the recipe
  await once('failure', `failure at ${build.failure.step}`, 'publish.failure', { build: build.id });
}

export async function withdraw(
  context: Context,
  record: string,
  flags: { why: string; offline?: boolean },
): Promise<undefined> {
  const home = publishing(await connect(context.home), flags.offline ?? false);
  const result = await home.call<Published>('publish.withdrawal', { record, why: flags.why }, context.signal);
  printResult(context, result, () =>
    result.waiting ? WAITING : 'Withdrawn: those who follow you see it and the reason. It stays in your feed.',
  );
  return undefined;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    return false; // not a file: then it names a build
  }
}
