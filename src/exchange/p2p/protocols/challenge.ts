/**
 * `/portalgun/challenge/1.0.0`: show that you hold what you have signed (threat 29). What is read, and how it is digested,
 * is known to whoever runs the node; here it is a question of a digest, a nonce and names, and an answer of digests.
 *
 * An answer costs minutes of this machine: one is worked on at a time, each asker gets few, and what was worked out is kept
 * for the asker to fetch.
 */
import { create } from '@bufbuild/protobuf';
import { sha256, type Digest } from '../../../crypto/digest.ts';
import { asError, PortalgunError, RefusedError, UnavailableError } from '../../../errors.ts';
import type { AuthorId } from '../../record/types.ts';
import { decode, digestBytes, digestOf, encode, refusal, refusedBy } from '../codec.ts';
import type { Conversation, Step } from '../conversation.ts';
import { AnswerSchema, AskSchema, DigestsSchema, WorkingSchema } from '../generated/challenge_pb.ts';
import type { Answer } from '../generated/challenge_pb.ts';
import {
  CHALLENGE_ANSWER_BYTES,
  CHALLENGE_DEADLINE_MS,
  CHALLENGE_KEPT,
  CHALLENGE_MAX_PATHS,
  CHALLENGE_NONCE_BYTES,
  CHALLENGE_PATH_MAX_LENGTH,
  CHALLENGE_POLL_MS,
  CHALLENGE_WORK_LIMIT,
  RATE_LIMIT_MAX_PEERS,
  RATE_LIMITS,
} from '../limits.ts';
import type { Asker, OnTrouble, Protocol } from '../protocol.ts';
import { createRateLimiter, describeLimit } from '../rate-limit.ts';

export const CHALLENGE_PROTOCOL = '/portalgun/challenge/1.0.0';

export interface Challenge {
  readonly manifest: Digest;
  readonly nonce: Uint8Array;
  readonly paths: readonly string[];
}

/** Works an answer out, one digest a path. Undefined: this node does not hold that image, or not those entries. */
export type AnswerChallenge = (challenge: Challenge, asker: AuthorId) => Promise<readonly Digest[] | undefined>;

export interface ChallengeContext {
  readonly network: string;
  readonly mayAsk: (asker: Asker) => boolean;
  readonly maySee: (asker: Asker, digest: Digest) => Promise<boolean>;
  /** Absent: this node answers none. */
  readonly answer: AnswerChallenge | undefined;
  readonly now: () => number;
  readonly onTrouble: OnTrouble;
}

type Work = { state: 'working' } | { state: 'done'; digests: readonly Digest[] | undefined } | { state: 'failed' };

export function challengeProtocol(context: ChallengeContext): Protocol {
  const { network, mayAsk, maySee, answer, now, onTrouble } = context;
  const works = new Map<string, Work>();
  const rate = createRateLimiter(CHALLENGE_WORK_LIMIT, now, RATE_LIMIT_MAX_PEERS);
  const no = (code: Parameters<typeof refusal>[0], detail: string, retryAfterMs = 0): Uint8Array =>
    encodeAnswer({ case: 'refusal', value: refusal(code, detail, retryAfterMs) });

  /** Begins what is not begun; says no where that would be too much. */
  const workOn = (asker: Asker & { author: AuthorId }, challenge: Challenge): Work | Uint8Array => {
    const key = keyOf(asker, challenge);
    const known = works.get(key);
    if (known !== undefined) return known;
    if ([...works.values()].some(({ state }) => state === 'working')) {
      return encodeWorking(); // on somebody else's: this one's turn comes
    }
    const verdict = rate(asker.peerId);
    if (!verdict.allowed) return no('RATE_LIMITED', describeLimit(CHALLENGE_WORK_LIMIT), verdict.retryAfterMs);
    const begun: Work = { state: 'working' };
    works.set(key, begun);
    for (const oldest of works.keys()) {
      if (works.size <= CHALLENGE_KEPT) break;
      works.delete(oldest);
    }
    answer!(challenge, asker.author).then(
      (digests) => works.set(key, { state: 'done', digests }),
      (error: unknown) => {
        works.set(key, { state: 'failed' });
        onTrouble('answering a challenge', asker.peerId, asError(error));
      },
    );
    return begun;
  };

  return {
    id: CHALLENGE_PROTOCOL,
    limit: RATE_LIMITS.challenge,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request, asker) {
      const asked = decode(AskSchema, request);
      const { author } = asker;
      if (author === null || !mayAsk(asker)) {
        yield no('NOT_ALLOWED', 'this node is challenged only by peers of its policy');
        return;
      }
      if (asked.network !== network) {
        yield no('WRONG_NETWORK', `this node is in ${network}`);
        return;
      }
      const { nonce, paths } = asked;
      const challenge = { manifest: digestOf(asked.manifest), nonce, paths };
      const bad = badIn(challenge);
      if (bad !== undefined) {
        yield no('BAD_REQUEST', bad);
        return;
      }
      if (answer === undefined || !(await maySee(asker, challenge.manifest))) {
        yield no('NOT_FOUND', 'this node has published no such build');
        return;
      }
      const work = workOn({ ...asker, author }, challenge);
      if (work instanceof Uint8Array) yield work;
      else if (work.state === 'working') yield encodeWorking();
      else if (work.state === 'done' && work.digests !== undefined) {
        const digests = work.digests.map(digestBytes);
        yield encodeAnswer({ case: 'digests', value: create(DigestsSchema, { digests }) });
      } else if (work.state === 'done') yield no('NOT_FOUND', 'this node does not have that image (any more)');
      else yield no('NOT_FOUND', 'this node cannot read that image');
    },
  };
}

/** What is wrong with a challenge, in words. */
function badIn({ nonce, paths }: Challenge): string | undefined {
  if (nonce.length !== CHALLENGE_NONCE_BYTES) return `a nonce has ${CHALLENGE_NONCE_BYTES} bytes, not ${nonce.length}`;
  if (paths.length === 0 || paths.length > CHALLENGE_MAX_PATHS) return `it must name 1 to ${CHALLENGE_MAX_PATHS} paths`;
  if (new Set(paths).size !== paths.length) return 'it names a path twice';
  if (paths.some((path) => path.length > CHALLENGE_PATH_MAX_LENGTH)) {
    return `a path has more than ${CHALLENGE_PATH_MAX_LENGTH} characters`;
  }
  return undefined;
}

function keyOf({ peerId }: Asker, { manifest, nonce, paths }: Challenge): string {
  const nonceHex = Buffer.from(nonce).toString('hex');
  return `${peerId} ${sha256(JSON.stringify([manifest, nonceHex, paths]))}`;
}

/** Rests between two questions; rejects where it is interrupted. */
export type Rest = (ms: number) => Promise<void>;

export interface ChallengeQuestionOptions {
  readonly network: string;
  readonly challenge: Challenge;
  readonly rest: Rest;
  /** Milliseconds. */
  readonly now: () => number;
}

/**
 * The asking side: comes again until the answer is there. Rejects with `exchange/refused-by-peer`,
 * `exchange/bad-answer` (the peer is at fault) or `exchange/no-answer` (it took too long).
 */
export class ChallengeQuestion implements Conversation<readonly Digest[]> {
  readonly protocol = CHALLENGE_PROTOCOL;
  readonly answerMaxBytes = CHALLENGE_ANSWER_BYTES;
  readonly #peer: string;
  readonly #options: ChallengeQuestionOptions;
  readonly #deadline: number;
  #digests: readonly Digest[] | undefined;
  #asked = false;

  constructor(peer: string, options: ChallengeQuestionOptions) {
    this.#peer = peer;
    this.#options = options;
    this.#deadline = options.now() + CHALLENGE_DEADLINE_MS;
  }

  async next(): Promise<Step<readonly Digest[]>> {
    if (this.#digests !== undefined) return { done: this.#digests };
    const { network, challenge, rest, now } = this.#options;
    // How long it rests is for this side to say: what a peer proposes could be a year.
    if (this.#asked) await rest(CHALLENGE_POLL_MS);
    this.#asked = true;
    // By the clock: a stream that says nothing costs more than a rest.
    if (now() >= this.#deadline) {
      const minutes = CHALLENGE_DEADLINE_MS / 60_000;
      throw new UnavailableError('exchange/no-answer', `${this.#peer} has not answered a challenge in ${minutes} min`);
    }
    const { manifest, nonce, paths } = challenge;
    return {
      ask: encode(AskSchema, create(AskSchema, { network, manifest: digestBytes(manifest), nonce, paths: [...paths] })),
    };
  }

  async frame(bytes: Uint8Array): Promise<void> {
    const { answer } = decode(AnswerSchema, bytes);
    if (answer.case === 'refusal') throw refusedBy(this.#peer, answer.value);
    if (answer.case === undefined) throw this.#bad('it says nothing');
    if (this.#digests !== undefined) throw this.#bad('it answered twice');
    if (answer.case === 'working') return;
    const { digests } = answer.value;
    if (digests.length !== this.#options.challenge.paths.length) {
      throw this.#bad(`${digests.length} digests for ${this.#options.challenge.paths.length} paths`);
    }
    this.#digests = digests.map(digestOf);
  }

  /** A stream that broke is worth another; what the peer did wrong, refuses, or does not know, stays so. */
  broke(error: Error): void {
    if (error instanceof PortalgunError && error.exitCode === 3) throw error;
    if (error.name === 'UnsupportedProtocolError') {
      throw new UnavailableError('exchange/no-answer', `${this.#peer} answers no challenges: its node is older`, {
        cause: error,
      });
    }
  }

  #bad(what: string): RefusedError {
    return new RefusedError('exchange/bad-answer', `${this.#peer} answered a challenge wrongly: ${what}`, {
      facts: { peer: this.#peer },
    });
  }
}

function encodeWorking(): Uint8Array {
  return encodeAnswer({ case: 'working', value: create(WorkingSchema, { retryAfterMs: CHALLENGE_POLL_MS }) });
}

function encodeAnswer(answer: Answer['answer']): Uint8Array {
  return encode(AnswerSchema, { $typeName: 'portalgun.challenge.v1.Answer', answer });
}
