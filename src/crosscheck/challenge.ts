/**
 * The challenge: who holds an image can digest its contents with a key that was not known before; who has only copied
 * somebody's checksums cannot (threat 29). Pure but for the random numbers, which are an argument.
 */
import { createHmac } from 'node:crypto';
import type { Digest } from '../crypto/digest.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import type { Manifest, ManifestEntry } from '../workshop/image/types.ts';

/** Entries asked for. Who lacks one in ten of all files is found out with a probability of 1 - 0.9^32, 97 of 100. */
export const CHALLENGE_PATHS = 32;

/** What an answer is about: bound to who asks and who answers, so that nobody can pass another's answer on as their own. */
export interface ChallengeOf {
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  readonly asker: AuthorId;
  readonly answerer: AuthorId;
  readonly manifest: Digest;
}

/** Takes an entry's content, piece by piece; the digest is HMAC-SHA-256 with the nonce as its key. */
export interface KeyedDigest {
  update(bytes: Uint8Array): void;
  digest(): Digest;
}

/** First the line of what it is about, then the content as the manifest's own digest is of it. */
export function keyedDigest({ nonce, asker, answerer, manifest }: ChallengeOf, path: string): KeyedDigest {
  const hmac = createHmac('sha256', nonce);
  hmac.update(`portalgun-challenge/1 ${asker} ${answerer} ${manifest} ${path}\n`);
  return {
    update: (bytes) => void hmac.update(bytes),
    digest: () => `sha256:${hmac.digest('hex')}`,
  };
}

/**
 * Paths of entries with content, drawn at random; none of a file with several names, whose content may come under any of
 * them. `random`: a whole number below its argument.
 */
export function choosePaths(
  { entries }: Pick<Manifest, 'entries'>,
  count: number,
  random: (below: number) => number,
): string[] {
  const linked = new Set(entries.flatMap((entry) => ('hardLinkOf' in entry ? [entry.hardLinkOf] : [])));
  const candidates = entries.filter((entry) => hasContent(entry) && !linked.has(entry.path)).map(({ path }) => path);
  const chosen: string[] = [];
  while (chosen.length < count && candidates.length > 0) {
    const index = random(candidates.length);
    chosen.push(candidates[index]!);
    candidates[index] = candidates.at(-1)!;
    candidates.pop();
  }
  return chosen.sort();
}

function hasContent(entry: ManifestEntry): boolean {
  if (entry.kind === 'extent') return entry.sha256 !== undefined;
  return entry.kind === 'file' && entry.sizeBytes > 0 && entry.hardLinkOf === undefined;
}

export type Possession =
  | { readonly result: 'proved'; readonly paths: number }
  | { readonly result: 'wrong'; readonly paths: number; readonly wrong: readonly string[] }
  | { readonly result: 'unanswered'; readonly because: string };

/** Compares their answer with what the own image gives for them. */
export function possessionBy(
  paths: readonly string[],
  expected: readonly Digest[],
  answered: readonly Digest[],
): Possession {
  const wrong = paths.filter((_, index) => answered[index] !== expected[index]);
  if (wrong.length === 0 && answered.length === paths.length) return { result: 'proved', paths: paths.length };
  return { result: 'wrong', paths: paths.length, wrong };
}
