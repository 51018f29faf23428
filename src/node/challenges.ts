/** Challenges peers who have signed the same manifest as a build of this home, and knows what they should answer. */
import { randomBytes, randomInt } from 'node:crypto';
import { CHALLENGE_PATHS, choosePaths, possessionBy, type Possession, type PeerVerdict } from '../crosscheck/index.ts';
import type { Digest } from '../crypto/digest.ts';
import { UsageError } from '../errors.ts';
import type { Exchange } from '../exchange/p2p/types.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { parseManifest } from '../workshop/image/manifest.ts';
import { readManifest } from './build-files.ts';
import type { BuildRecord } from './build-records.ts';
import { readPossession } from './possession.ts';
import { networkOf, type Session } from './session.ts';

/** Bytes of a nonce. */
const NONCE_BYTES = 32;

/**
 * By author. This home's own image is read once, while the peers read theirs. Rejects with `node/not-running`,
 * `crosscheck/no-image`, `image/altered`.
 */
export async function challengePeers(
  session: Session,
  build: BuildRecord & { readonly manifest: Digest },
  peers: readonly AuthorId[],
  signal: AbortSignal,
): Promise<ReadonlyMap<AuthorId, Possession>> {
  if (peers.length === 0) return new Map();
  const exchange = networkOf(session);
  const { manifest } = build;
  const paths = choosePaths(
    parseManifest(Buffer.from(await readManifest(session.home, build))),
    CHALLENGE_PATHS,
    (below) => randomInt(below),
  );
  const nonce = Uint8Array.from(randomBytes(NONCE_BYTES));
  const asker = session.identity.author;
  const challenges = peers.map((answerer) => ({ nonce, asker, answerer, manifest }));
  const reading = { manifest, paths, challenges, as: 'challenging' };
  const [expected, answers] = await Promise.all([
    readPossession(session.home, reading, signal),
    Promise.all(peers.map((author) => ask(exchange, author, { manifest, nonce, paths }, signal))),
  ]);
  if (expected === undefined) {
    throw new UsageError('crosscheck/no-image', `the image of ${build.id} is not here (any more)`, {
      hint: 'A challenge is checked against your own image. Build it again, or leave --challenge out.',
    });
  }
  return new Map(
    peers.map((author, index) => {
      const answered = answers[index] ?? 'nothing was asked';
      if (typeof answered === 'string') return [author, { result: 'unanswered', because: answered }];
      return [author, possessionBy(paths, expected[index] ?? [], answered)];
    }),
  );
}

/** The digests, or why there are none. */
async function ask(
  exchange: Exchange,
  author: AuthorId,
  challenge: Parameters<Exchange['challenge']>[1],
  signal: AbortSignal,
): Promise<readonly Digest[] | string> {
  try {
    return await exchange.challenge(author, challenge, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof Error)) throw error;
    return error.message;
  }
}

/** Who cannot show what they have signed is not counted as one who got the same. */
export function withPossession(verdict: PeerVerdict, possession: Possession | undefined): PeerVerdict {
  if (possession?.result !== 'wrong') return verdict;
  const because = `Signed your manifest, but holds something else: ${possession.wrong.length} of ${possession.paths} entries.`;
  return { ...verdict, verdict: 'differs', because };
}
