/** Compares a build of this home with what configured peers have signed. */
import {
  differences,
  theirManifest,
  underOtherRules,
  verdictFor,
  withOrigins,
  type OwnBuild,
  type PeerVerdict,
  type Possession,
} from '../../crosscheck/index.ts';
import type { Digest } from '../../crypto/digest.ts';
import { errnoOf, RefusedError, UsageError } from '../../errors.ts';
import type { Exchange } from '../../exchange/p2p/types.ts';
import { disagreementToJson } from '../../exchange/record/index.ts';
import type { AuthorId } from '../../exchange/record/types.ts';
import { confirmChecksums } from '../../exchange/trust/index.ts';
import { manifestLines } from '../../workshop/image/manifest-lines.ts';
import { parseManifest, type ManifestDifference } from '../../workshop/image/manifest.ts';
import { readManifest, readStages } from '../build-files.ts';
import { findBuild, type BuildRecord } from '../build-records.ts';
import { challengePeers, withPossession } from '../challenges.ts';
import { knownDisagreements } from '../disagreements.ts';
import { recipeAuthors } from '../judgement.ts';
import { allOf, findRecord } from '../knowledge.ts';
import { ownBuildOf, peerReports } from '../peer-reports.ts';
import type { Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { peerName } from './peers.ts';

/** Files named for a difference; the count says how many more there are. */
export const MAX_NAMED_DIFFERENCES = 100;

export const MANIFEST_BLOB = 'manifest';

export async function crosscheck(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const build = await findBuild(session.home, args.text('build'));
  const mine = ownBuildOf(build);
  const only = args.optionalText('peer');
  await session.exchange?.sync(signal);
  const peers = await peerReports(session, only === undefined ? undefined : await peerName(session, only));
  const verdicts: (PeerVerdict & Differing)[] = [];
  for (const peer of peers) {
    verdicts.push(await withDifferences(session, build, mine, verdictFor(mine, peer), signal));
  }
  if (args.flag('challenge')) await challengeEach(session, build, mine, verdicts, signal);
  const { recipeName } = mine;
  const policy = await session.policy.current();
  const self = session.identity.author;
  const quorums = (await recipeAuthors(session))(mine.recipe, recipeName).map((recipeAuthor) =>
    confirmChecksums(policy, { recipeAuthor, recipeName, self }, verdicts),
  );
  // Whoever else published the recipe: what the rules ask for under any of its authors' names must hold.
  const quorum = STRICTEST_FIRST.map((result) => quorums.find((one) => one.result === result)).find(Boolean);
  return { recipe: mine.recipe, manifest: mine.manifest, buildKey: mine.buildKey, verdicts, quorum };
}

/** Those who have signed the same manifest show that they hold what it is of. */
async function challengeEach(
  session: Session,
  build: BuildRecord,
  { manifest }: OwnBuild,
  verdicts: (PeerVerdict & Differing)[],
  signal: AbortSignal,
): Promise<void> {
  const same = verdicts.filter((verdict) => verdict.manifest === manifest).map(({ author }) => author);
  const answers = await challengePeers(session, { ...build, manifest }, same, signal);
  for (const [index, verdict] of verdicts.entries()) {
    const possession = answers.get(verdict.author);
    if (possession) verdicts[index] = { ...withPossession(verdict, possession), possession };
  }
}

/** Whom this home's builds contradict, as far as is known here. */
export async function disagreements(session: Session): Promise<unknown> {
  return knownDisagreements(session);
}

/** The two signed attestations that contradict each other, as a file for anybody. */
export async function disagreementProof(session: Session, args: Arguments): Promise<unknown> {
  const build = await findBuild(session.home, args.text('build'));
  const only = args.optionalText('peer');
  const name = only === undefined ? undefined : await peerName(session, only);
  const found = (await knownDisagreements(session)).find(
    ({ buildKey, mine, peer }) =>
      buildKey === build.buildKey && mine === build.manifest && (name === undefined || peer === name),
  );
  if (found === undefined) {
    throw new UsageError('crosscheck/no-disagreement', `nobody has signed another manifest than that of ${build.id}`);
  }
  const own = (await allOf(session, 'attestation')).find(
    ({ record, meaning }) =>
      record.link.author === session.identity.author &&
      meaning.buildKey === found.buildKey &&
      meaning.manifest === found.mine,
  );
  if (own === undefined) {
    throw new UsageError('crosscheck/not-published', `your own build ${build.id} is not published`, {
      hint: `A proof holds two signed builds. Publish yours first: portalgun publish ${build.id}`,
    });
  }
  const theirs = await findRecord(session, found.record);
  return { peer: found.peer, record: found.record, proof: disagreementToJson(own.record, theirs) };
}

const STRICTEST_FIRST = ['conflict', 'pending', 'confirmed', 'no-rule'] as const;

/** Where two manifests differ: finds out in what, checks it against what was signed, and names the differing files. */
async function withDifferences(
  session: Session,
  build: BuildRecord,
  mine: OwnBuild,
  verdict: PeerVerdict,
  signal: AbortSignal,
): Promise<PeerVerdict & Differing> {
  if ((verdict.verdict !== 'differs' && verdict.otherRules !== true) || verdict.manifest === null) return verdict;
  const own = await session.store.blobs.get(mine.manifest);
  if (!own) return { ...verdict, differencesUnknown: 'Your own manifest is not stored: publish the build first.' };
  let all: ManifestDifference[];
  try {
    let theirs: Uint8Array | undefined = await session.store.blobs.get(verdict.manifest);
    if (!theirs && session.exchange) {
      theirs = await manifestOf(session.exchange, verdict.author, verdict.manifest, own, signal);
    }
    if (!theirs) return { ...verdict, differencesUnknown: 'No node runs here to compare their list of files.' };
    all = differences(own, theirs, verdict.manifest, verdict.peer);
  } catch (error) {
    // One peer that is away, or lies about its list, must not hide what the others say.
    if (signal.aborted || !(error instanceof Error)) throw error;
    return { ...verdict, differencesUnknown: `Their list of files could not be compared: ${error.message}` };
  }
  const judged = verdict.otherRules === true ? underOtherRules(verdict, all) : verdict;
  const named = withOrigins(all.slice(0, MAX_NAMED_DIFFERENCES), await readStages(session.home, build));
  return { ...judged, differences: named, differenceCount: all.length };
}

/** Mine with what they say differs; the whole of theirs where that is less to send. */
async function manifestOf(
  exchange: Exchange,
  author: AuthorId,
  digest: Digest,
  own: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return theirManifest(own, await exchange.compareList(author, MANIFEST_BLOB, digest, manifestLines(own), signal));
  } catch (error) {
    if (errnoOf(error) !== 'exchange/too-different') throw error;
    return exchange.fetchBlob(author, MANIFEST_BLOB, digest, signal);
  }
}

interface Differing {
  readonly differences?: readonly unknown[];
  readonly differenceCount?: number;
  readonly differencesUnknown?: string;
  /** Whether they hold what they have signed; absent where they were not challenged. */
  readonly possession?: Possession;
}

/** Keeps the manifest of one of this home's builds where peers may ask for it. */
export async function keepManifest(session: Session, args: Arguments): Promise<unknown> {
  const build = await findBuild(session.home, args.text('build'));
  const text = Buffer.from(await readManifest(session.home, build), 'utf8');
  const { digest } = parseManifest(text);
  if (digest !== build.manifest) {
    throw new RefusedError(
      'manifest/damaged',
      `the manifest of ${build.id} does not hash to ${build.manifest} any more`,
      {
        hint: 'Build it again.',
      },
    );
  }
  await session.store.blobs.put(text);
  return { digest };
}
