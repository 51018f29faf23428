/** What this home may sign about a build: SLSA provenance, assembled from what the workshop reports. */
import { buildKeyOf, type AttestationInput, type Dependency } from '../exchange/record/index.ts';
import type { Digest } from '../crypto/digest.ts';
import { workDigest } from '../recipe/resolve.ts';
import type { ResolvedRecipe } from '../recipe/types.ts';
import type { BuildOutcome } from '../workshop/build/index.ts';
import { MANIFEST_FORMAT } from '../workshop/image/manifest.ts';
import type { Manifest } from '../workshop/image/types.ts';
import type { VerifiedFile } from '../workshop/media/types.ts';

export const BUILDER_ID = 'urn:portalgun:builder:v1';

const manifestFormat = `portalgun-manifest/${MANIFEST_FORMAT}`;

/** Builds with equal keys must give equal manifests. */
export function buildKeyFor(outcome: BuildOutcome, manifest: Manifest): Digest {
  return buildKeyOf(inputs(outcome, manifest));
}

function inputs(outcome: BuildOutcome, manifest: Manifest) {
  return {
    recipe: outcome.final.digest,
    lock: outcome.lock,
    normaliser: manifest.normaliser,
    manifestFormat,
    cpuModel: outcome.cpuModel,
  };
}

export function attestationOf(
  outcome: BuildOutcome,
  image: NonNullable<BuildOutcome['image']>,
  times: { readonly startedAt: string; readonly finishedAt: Date },
): AttestationInput {
  const { recipe } = outcome.final;
  return {
    ...inputs(outcome, image.manifest),
    recipeName: recipe.name,
    arch: recipe.machine.arch,
    params: outcome.final.params,
    work: workDigest(outcome.final),
    manifest: image.manifest.digest,
    files: image.files,
    dependencies: [
      ...[outcome.final, ...outcome.bases.map(({ resolved }) => resolved)].map(recipeDependency),
      ...[outcome.media, ...outcome.bases.map(({ media }) => media)].flatMap(({ files }) => files.map(dependency)),
    ],
    builderId: BUILDER_ID,
    environment: outcome.builder,
    startedOn: times.startedAt,
    finishedOn: times.finishedAt.toISOString(),
  };
}

function recipeDependency({ recipe, of }: ResolvedRecipe): Dependency {
  return { name: `recipe ${recipe.name}@${recipe.version}`, digest: of.digest };
}

function dependency(file: VerifiedFile): Dependency {
  const { proof } = file;
  if (proof.scheme !== 'debian-archive') {
    const signed = 'fingerprint' in proof;
    return {
      name: signed ? proof.file : (file.path.split('/').at(-1) ?? 'file'),
      digest: file.sha256,
      annotations: {
        scheme: proof.scheme,
        ...(signed && { fingerprint: proof.fingerprint }),
        verifiedAt: proof.verifiedAt,
      },
    };
  }
  const { package: name, version, architecture, sha256 } = proof.package;
  return {
    name: `${name}_${version}_${architecture}.deb`,
    digest: `sha256:${sha256}`,
    annotations: { scheme: proof.scheme, fingerprint: proof.fingerprint, verifiedAt: proof.verifiedAt },
  };
}
