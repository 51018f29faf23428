import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { shortDigest, type Digest } from '../../crypto/digest.ts';
import { PortalgunError } from '../../errors.ts';
import { appliedRules } from '../../node/applied-rules.ts';
import { listBuilds } from '../../node/build-records.ts';
import { connect } from '../../node/connect.ts';
import type { KnownDisagreement } from '../../node/disagreements.ts';
import { explainDifference } from '../../node/explain.ts';
import { hiddenByRules } from '../../node/hidden.ts';
import { hasIdentity } from '../../node/identity-files.ts';
import { verifyStoredImage, type VerifiedImage } from '../../node/verify-image.ts';
import { imageFolder, listImages, readImageManifest, showImage } from '../../workshop/image/index.ts';
import type { Context } from '../context.ts';
import { describeDifferences } from '../differences.ts';
import { errorAnswer, noteUnreadable } from '../failure.ts';
import { bytes, minute, note, printLine, printResult, table } from '../output.ts';

export async function list(context: Context): Promise<undefined> {
  const { images, unreadable } = await listImages(context.home.imagesDir);
  for (const { error } of unreadable) noteUnreadable(context, error);
  const against = await contradictedBy(context);
  const builds = await listBuilds(context.home);
  for (const { error } of builds.unreadable) noteUnreadable(context, error);
  // An image has the name of its build.
  const unsure = new Set(builds.unreadable.map(({ id }) => id));
  const listed = images.map((image) => ({
    ...image,
    contradictedBy: unsure.has(image.id) ? null : against(image.manifest),
  }));
  const damaged = unreadable.map(({ id, error }) => ({ id, error: errorAnswer(error) }));
  printResult(context, [...damaged, ...listed], () =>
    listed.length === 0 && damaged.length === 0
      ? 'No images yet. Build one: portalgun build recipes/debian-12-tiny.yaml'
      : [
          ...table(
            ['image', 'manifest', 'size', 'made'],
            [
              ...damaged.map(({ id }) => [id, 'unreadable', '-', '-']),
              ...listed.map((image) => [
                image.id,
                shortDigest(image.manifest),
                bytes(image.disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)),
                minute(image.finishedAt),
              ]),
            ],
          ),
          ...listed.flatMap(({ id, recipeName, contradictedBy: peers }) =>
            peers === null || peers.length === 0
              ? []
              : ['', `${id}:`, `  ${peers.join(', ')} built something else: portalgun crosscheck ${recipeName}`],
          ),
        ],
  );
  return undefined;
}

/**
 * Names of the peers whose build from the same inputs has another manifest; null where that cannot be known now: the list of
 * images is there all the same. Without an identity there are no peers.
 */
async function contradictedBy(context: Context): Promise<(manifest: Digest) => readonly string[] | null> {
  if (!(await hasIdentity(context.home))) return () => [];
  try {
    const home = await connect(context.home);
    const known = await home.call<KnownDisagreement[]>('crosscheck.disagreements', {}, context.signal);
    return (manifest) => [...new Set(known.filter(({ mine }) => mine === manifest).map(({ peer }) => peer))];
  } catch (error) {
    if (context.signal.aborted || !(error instanceof PortalgunError)) throw error;
    note(context, `Whether peers contradict them is not known: ${error.message}`);
    return () => null;
  }
}

export async function show(context: Context, id: string, flags: { manifest?: boolean }): Promise<undefined> {
  const image = await showImage(context.home.imagesDir, id);
  if (flags.manifest && !context.json) {
    const folder = imageFolder(context.home.imagesDir, id);
    printLine(context, (await readFile(path.join(folder, 'manifest.txt'), 'utf8')).trimEnd());
    return undefined;
  }
  const manifest = await readImageManifest(context.home.imagesDir, image);
  const { rules, unknown } = await appliedRules(context.home, image, manifest);
  if (unknown !== undefined) note(context, `The versions of its rules are not known: ${unknown.message}.`);
  const normalised = rules.filter(({ path: touched }) => touched !== null).length;
  printResult(
    context,
    { ...image, entries: manifest.entries.length, dirHash1: manifest.dirHash1, normalised, rules },
    () => [
      `image     ${image.id}`,
      `recipe    ${image.recipeName}, ${image.recipe}`,
      `resolved  ${image.resolved}`,
      `lock      ${image.lock}`,
      `manifest  ${image.manifest} (${manifest.entries.length} entries, ${normalised} rewritten by a rule)`,
      `dirHash1  ${manifest.dirHash1}`,
      `made      ${image.startedAt} to ${image.finishedAt}`,
      ...image.disks.map(
        (disk) =>
          `disk      ${disk.id}: ${bytes(disk.sizeBytes)}, ${disk.sha256}${disk.personal ? ', personalised' : ''}`,
      ),
      ...rules.map(
        ({ rule, version, path: touched }) =>
          `rule      ${rule}${version === null ? '' : `, version ${version}`}: ${touched ?? 'touches nothing'}`,
      ),
    ],
  );
  return undefined;
}

export async function hidden(context: Context, id: string): Promise<undefined> {
  const found = await hiddenByRules(context.home, id, {
    onReading: () => note(context, 'Reading the image once more, without its rules.'),
    signal: context.signal,
  });
  printResult(context, found, () =>
    found.length === 0
      ? `No rule touches anything in ${id}: all of it is compared.`
      : found.flatMap(({ path: name, rule, version, reason, is, countsAs }) => [
          `${name}: ${rule}, version ${version}, ${reason}`,
          `  is         ${is.sizeBytes} bytes, ${is.sha256 ?? 'no content'}`,
          `  counts as  ${countsAs.sizeBytes} bytes, ${countsAs.sha256 ?? 'no content'}`,
        ]),
  );
  return undefined;
}

/** Exit code 3 where a bit of it, or of what is kept of its build, is another one. */
export async function verify(context: Context, id: string, flags: { readonly measure?: boolean }): Promise<undefined> {
  const verified = await verifyStoredImage(context.home, id, {
    measure: flags.measure ?? false,
    signal: context.signal,
    onProgress: (what) => note(context, what),
  });
  const { image, build, attestation, measured } = verified;
  printResult(context, { id: image.id, valid: true, manifest: image.manifest, build, attestation, measured }, () =>
    verifiedLines(verified),
  );
  return undefined;
}

function verifiedLines({ image, build, attestation, measured }: VerifiedImage): string[] {
  return [
    `${image.id} is as it was stored.`,
    build === null
      ? 'Its build is not kept here.'
      : 'What is kept of its build says the same: recipe, lock, manifest, disk.',
    ...(attestation === null ? [] : ['So does what you have signed of it:', `  ${attestation}`]),
    ...(measured ? ['Measured again, it has the same manifest.'] : []),
  ];
}

/** Exit code 4 where they differ. */
export async function diff(context: Context, a: string, b: string, flags: { cause: boolean }): Promise<number> {
  const differences = await explainDifference(context.home, a, b, {
    causes: flags.cause,
    onReading: () => note(context, 'Reading both images for the cause; --no-cause leaves that out.'),
    signal: context.signal,
  });
  const equal = differences.length === 0;
  printResult(context, { equal, differences }, () =>
    equal
      ? `${a} and ${b} hold the same.`
      : [
          `${differences.length} ${differences.length === 1 ? 'entry differs' : 'entries differ'}:`,
          ...describeDifferences(differences, { left: 'the first', right: 'the second' }),
        ],
  );
  return equal ? 0 : 4;
}
