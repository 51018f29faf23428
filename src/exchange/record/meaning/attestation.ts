/**
 * What one builder built from what: SLSA provenance v1 (slsa.dev/spec/v1.0/provenance). Subjects are the manifest, which
 * is comparable between builders, and the image files, which are not.
 */
import { digestHex, type Digest } from '../../../crypto/digest.ts';
import { isSafeLine } from '../../../crypto/text.ts';
import { DEPENDENCIES_MAX, LINE_MAX_LENGTH } from '../limits.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type Meaning } from '../types.ts';
import { buildKeyOf, type BuildInputs } from './build-key.ts';
import { Fields, NotUnderstood } from './fields.ts';
import { digestOfSubject, subjectOf, type Content } from './subjects.ts';

export const BUILD_TYPE = 'urn:portalgun:build:v1';
export const MANIFEST_SUBJECT = 'manifest';

/** RFC 3339 in UTC, as in-toto writes timestamps. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

export interface AttestationInput extends BuildInputs {
  readonly recipeName: string;
  readonly arch: string;
  /** Public parameters as they were bound. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  /** Digest of the resolved recipe without name, version, summary and rules: under other rules, is it the same? */
  readonly work?: Digest;
  readonly manifest: Digest;
  /** Image files by name. */
  readonly files?: Readonly<Record<string, Digest>>;
  /** The recipe and every line of the lock: media, packages, checksum files and signatures. */
  readonly dependencies: readonly Dependency[];
  /** Who or what built it: a URI, for example `urn:portalgun:builder:v1`. */
  readonly builderId: string;
  /** Facts by which independence is judged: `qemu`, `accelerator`, `machine`, `clock`, … */
  readonly environment: Readonly<Record<string, string>>;
  /** RFC 3339, UTC. For people: order never depends on it. */
  readonly startedOn: string;
  readonly finishedOn: string;
  /** Transcript, checkpoints' manifests, final screenshot. */
  readonly byproducts?: Readonly<Record<string, Digest>>;
}

/** SLSA's ResourceDescriptor, as far as we fill it. */
export interface Dependency {
  readonly name: string;
  readonly uri?: string;
  readonly digest: Digest;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function understandAttestation(content: Content): Meaning {
  const predicate = new Fields(content.predicate, 'predicate');
  const definition = predicate.object('buildDefinition');
  definition.oneOf('buildType', [BUILD_TYPE]);
  // An unknown parameter could be one that changes the result: such builds are not comparable by this version.
  const external = definition.object('externalParameters').only('recipe', 'recipeName', 'arch', 'params');
  checkParams(external.object('params'));
  external.name('arch');
  const internal = definition.object('internalParameters');
  const recipe = external.digest('recipe');
  const cpuModel = internal.name('cpuModel');
  const inputs: BuildInputs = {
    recipe,
    lock: internal.optionalDigest('lock'),
    normaliser: internal.digest('normaliser'),
    manifestFormat: internal.name('manifestFormat'),
    cpuModel,
  };
  const work = internal.optionalDigest('work');
  const details = predicate.object('runDetails');
  const id = details.object('builder').line('id');
  if (details.has('metadata')) checkTimes(details.object('metadata'));
  const builder = { ...readEnvironment(internal.object('environment')), cpuModel, id };
  const manifest = readManifest(content);
  const recipeName = external.name('recipeName');
  const signers = readSigners(definition);
  const buildKey = buildKeyOf(inputs);
  return { kind: 'attestation', recipe, recipeName, inputs, buildKey, work, manifest, builder, signers };
}

export function attestationContent(input: AttestationInput): Draft {
  const { recipe, recipeName, arch, params, lock, normaliser, manifestFormat, cpuModel, work, environment } = input;
  const files = Object.entries(input.files ?? {}).map(([name, digest]) => subjectOf(name, digest));
  return {
    subject: [subjectOf(MANIFEST_SUBJECT, input.manifest), ...files],
    predicateType: PREDICATE.attestation,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { recipe, recipeName, arch, params },
        internalParameters: { lock, normaliser, manifestFormat, cpuModel, ...(work && { work }), environment },
        resolvedDependencies: input.dependencies.map((dependency) => ({
          ...dependency,
          digest: { sha256: digestHex(dependency.digest) },
        })),
      },
      runDetails: {
        builder: { id: input.builderId },
        metadata: { startedOn: input.startedOn, finishedOn: input.finishedOn },
        byproducts: Object.entries(input.byproducts ?? {}).map(([name, digest]) => subjectOf(name, digest)),
      },
    },
  };
}

function readManifest(content: Content): Digest {
  const [manifest, second] = content.subject.filter((subject) => subject.name === MANIFEST_SUBJECT);
  if (manifest === undefined || second !== undefined)
    throw new NotUnderstood('it must have exactly one subject that is a manifest');
  return digestOfSubject(manifest);
}

/** Who vouched for what it was built from: fingerprints, each once, sorted. */
export function signersOf(dependencies: readonly Pick<Dependency, 'annotations'>[]): readonly string[] {
  const named = dependencies.flatMap(({ annotations }) => annotations?.['fingerprint'] ?? []);
  return [...new Set(named)].sort();
}

function readSigners(definition: Fields): readonly string[] {
  if (!definition.has('resolvedDependencies')) return [];
  const dependencies = definition.list('resolvedDependencies', DEPENDENCIES_MAX).map((value, index) => {
    const dependency = new Fields(value, `${definition.where}.resolvedDependencies[${index}]`);
    if (!dependency.has('annotations')) return {};
    const annotations = dependency.object('annotations');
    return annotations.has('fingerprint') ? { annotations: { fingerprint: annotations.line('fingerprint') } } : {};
  });
  return signersOf(dependencies);
}

function checkTimes(metadata: Fields): void {
  for (const key of ['startedOn', 'finishedOn']) {
    if (metadata.has(key) && !TIME.test(metadata.string(key)))
      throw new NotUnderstood(`${metadata.where}.${key} is not a time`);
  }
}

function checkParams(params: Fields): void {
  for (const key of params.keys()) {
    const value = params.value(key);
    if (typeof value === 'string') params.line(key);
    else if (typeof value !== 'number' && typeof value !== 'boolean') {
      throw new NotUnderstood(`${params.where} has a value that is no string, number or boolean`);
    }
  }
}

function readEnvironment(environment: Fields): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const key of environment.keys()) {
    if (!isSafeLine(key, LINE_MAX_LENGTH))
      throw new NotUnderstood(`${environment.where} has a key that is not a proper name`);
    facts[key] = environment.line(key);
  }
  return facts;
}
