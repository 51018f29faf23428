/** Builds written down as `portalgun build` does, with a manifest of the test's choice: real ones take minutes. */
import { sha256, type Digest } from '../../src/crypto/digest.ts';
import { buildKeyOf, type AttestationInput } from '../../src/exchange/record/index.ts';
import { keepManifest } from '../../src/node/build-files.ts';
import { newBuildFolder, writeBuildRecord, type BuildRecord, type Conditions } from '../../src/node/build-records.ts';
import type { NormaliseRule } from '../../src/recipe/types.ts';
import type { Manifest } from '../../src/workshop/image/index.ts';
import type { TestHome } from './temp-home.ts';

export interface MadeWith {
  readonly recipe?: Digest;
  readonly image?: string;
  readonly normalise?: readonly NormaliseRule[];
  readonly lock?: Digest;
  readonly files?: Readonly<Record<string, Digest>>;
  readonly processor?: string;
  readonly conditions?: Conditions;
}

/** Of the recipe `tiny`. Resolves with its id. */
export async function finishedBuild(
  { home }: TestHome,
  made: Manifest,
  {
    recipe = sha256('a recipe'),
    image,
    normalise = [],
    lock = sha256('lock'),
    files,
    processor = 'x64 GenuineIntel 6',
    conditions,
  }: MadeWith = {},
): Promise<string> {
  const now = new Date();
  const { id } = await newBuildFolder(home, 'tiny', now);
  const inputs = {
    recipe,
    lock,
    normaliser: made.normaliser,
    manifestFormat: 'portalgun-manifest/1',
    cpuModel: 'qemu64',
  };
  const attestation: AttestationInput = {
    ...inputs,
    recipeName: 'tiny',
    arch: 'x86_64',
    params: {},
    // Whatever rules its recipe names.
    work: sha256('the work'),
    manifest: made.digest,
    ...(files !== undefined && { files }),
    dependencies: [],
    builderId: 'urn:portalgun:builder:v1',
    environment: { qemu: '7.2.22', accelerator: 'tcg', processor },
    startedOn: now.toISOString(),
    finishedOn: now.toISOString(),
  };
  const record: BuildRecord = {
    version: 1,
    id,
    recipeName: 'tiny',
    startedRecipe: recipe,
    finalRecipe: recipe,
    status: 'done',
    startedAt: now.toISOString(),
    tookMs: 1000,
    repairs: [],
    builder: { qemu: '7.2.22', accelerator: 'tcg', processor },
    buildKey: buildKeyOf(inputs),
    manifest: made.digest,
    attestation,
    ...(image !== undefined && { image, normalise }),
    ...(conditions && { conditions }),
  };
  await keepManifest(home, id, made.text);
  await writeBuildRecord(home, record);
  return id;
}

/** One that failed at `step`: there is nothing of it but that. Resolves with its id. */
export async function failedBuild({ home }: TestHome, step: string): Promise<string> {
  const now = new Date();
  const { id } = await newBuildFolder(home, 'tiny', now);
  await writeBuildRecord(home, {
    version: 1,
    id,
    recipeName: 'tiny',
    startedRecipe: sha256('a recipe'),
    finalRecipe: sha256('a recipe'),
    status: 'failed',
    startedAt: now.toISOString(),
    tookMs: 1000,
    repairs: [],
    failure: {
      code: 'provision/step-failed',
      message: `the step ${step} failed`,
      step,
      stepDigest: sha256(step),
      expected: { text: 'what was not seen' },
    },
  });
  return id;
}
