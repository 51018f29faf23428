/** Compares a build of this home with what configured peers have signed. */
import type { Digest } from '../../crypto/digest.ts';
import { errnoOf, RefusedError, UsageError } from '../../errors.ts';
import type { Exchange } from '../../exchange/p2p/types.ts';
import { manifestLines } from '../../workshop/image/manifest-lines.ts';
import { parseManifest } from '../../workshop/image/manifest.ts';
import { readManifest } from '../build-files.ts';
import { findBuild } from '../build-records.ts';
import {
  differences,
  theirManifest,
  underOtherRules,
  verdictFor,
  type OwnBuild,
  type PeerReport,
  type PeerVerdict,
} from '../../crosscheck/index.ts';
import { confirmChecksums } from '../../exchange/trust/index.ts';
import type { AuthorId, VerifiedRecord } from '../../exchange/record/types.ts';
import { allOf, stalenessAt } from '../knowledge.ts';
import { recipeAuthors } from '../judgement.ts';
import type { Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { peerName } from './peers.ts';

/** Files named for a difference; the count says how many more there are. */
export const MAX_NAMED_DIFFERENCES = 100;

export const MANIFEST_BLOB = 'manifest';

export async function crosscheck(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const mine = await ownBuild(session, args.text('build'));
  const only = args.optionalText('peer');
  await session.exchange?.sync(signal);
  const peers = await reports(session, only === undefined ? undefined : await peerName(session, only));
  const verdicts: (PeerVerdict & Differing)[] = [];
  for (const peer of peers) verdicts.push(await withDifferences(session, mine, verdictFor(mine, peer), signal));
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

const STRICTEST_FIRST = ['conflict', 'pending', 'confirmed', 'no-rule'] as const;

async function ownBuild(session: Session, id: string): Promise<OwnBuild> {
  const build = await findBuild(session.home, id);
  const { recipeName, finalRecipe, buildKey, manifest, builder, attestation } = build;
  if (buildKey === undefined || manifest === undefined || builder === undefined) {
    throw new UsageError('crosscheck/no-manifest', `the build ${id} has no manifest to compare`);
  }
  const inputs = attestation && { inputs: attestation };
  return { recipe: finalRecipe, recipeName, buildKey, manifest, builder, ...inputs };
}

async function reports(session: Session, only: string | undefined): Promise<PeerReport[]> {
  const { peers } = await session.policy.current();
  const isStale = await stalenessAt(session);
  const attestations = await allOf(session, 'attestation');
  const failures = await allOf(session, 'failure');
  const withdrawn = new Set(
    (await allOf(session, 'withdrawal')).map(({ record, meaning }) => `${record.link.author} ${meaning.of}`),
  );
  const by = <T>(list: readonly Signed<T>[], author: AuthorId) =>
    list
      .filter(({ record }) => record.link.author === author && !withdrawn.has(`${author} ${record.id}`))
      .sort((a, b) => b.record.link.seq - a.record.link.seq)
      .map(({ record, meaning }) => ({ record: record.id, meaning }));
  return Object.entries(peers)
    .filter(([name]) => only === undefined || name === only)
    .map(([name, { id }]) => ({
      name,
      author: id,
      stale: isStale(id),
      attestations: by(attestations, id),
      failures: by(failures, id),
    }));
}

interface Signed<T> {
  readonly record: Pick<VerifiedRecord, 'id' | 'link'>;
  readonly meaning: T;
}

/** Where two manifests differ: finds out in what, checks it against what was signed, and names the differing files. */
async function withDifferences(
  session: Session,
  mine: OwnBuild,
  verdict: PeerVerdict,
  signal: AbortSignal,
): Promise<PeerVerdict & Differing> {
  if ((verdict.verdict !== 'differs' && verdict.otherRules !== true) || verdict.manifest === null) return verdict;
  const own = await session.store.blobs.get(mine.manifest);
  if (!own) return { ...verdict, differencesUnknown: 'Your own manifest is not stored: publish the build first.' };
  let theirs: Uint8Array | undefined = await session.store.blobs.get(verdict.manifest);
  if (!theirs && session.exchange) {
    try {
      theirs = await manifestOf(session.exchange, verdict.author, verdict.manifest, own, signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { ...verdict, differencesUnknown: `Their list of files could not be compared: ${reason}` };
    }
  }
  if (!theirs) return { ...verdict, differencesUnknown: 'No node runs here to compare their list of files.' };
  const all = differences(own, theirs, verdict.manifest, verdict.peer);
  const judged = verdict.otherRules === true ? underOtherRules(verdict, all) : verdict;
  return { ...judged, differences: all.slice(0, MAX_NAMED_DIFFERENCES), differenceCount: all.length };
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
