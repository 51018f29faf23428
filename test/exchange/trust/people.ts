/** People for the tests of trust: sound keys from numbered seeds, and records that only carry what trust reads. */
import { Buffer } from 'node:buffer';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { sha256 } from '../../../src/crypto/digest.ts';
import type { AuthorId, Meaning } from '../../../src/exchange/record/types.ts';
import type { Question, Understood, Voice } from '../../../src/exchange/trust/index.ts';

export function authorId(number: number): AuthorId {
  return `ed25519:${Buffer.from(publicKeyOf(new Uint8Array(32).fill(number))).toString('hex')}`;
}

export const ALICE = authorId(1);
export const BOB = authorId(2);
export const CAROL = authorId(3);
export const DAVE = authorId(4);
export const STRANGER = authorId(5);
export const SELF = authorId(6);

export const PEERS = `peers:
  alice: { id: "${ALICE}" }
  bob: { id: "${BOB}", addresses: ["/dns4/bob.example/tcp/4001"], follow: false }
  carol: { id: "${CAROL}" }
  dave: { id: "${DAVE}" }
`;

export const PATCH = sha256('the patch');

export function voice(author: AuthorId, changes: Partial<Voice> = {}): Voice {
  return {
    author,
    stance: 'for',
    basis: 'reviewed-human',
    record: sha256(`voice of ${author}`),
    stale: false,
    ...changes,
  };
}

/** Alice's patch, of class wording, for alice/debian-12-tiny, with her own voice. */
export function question(changes: Partial<Question> = {}): Question {
  return {
    about: 'patch',
    record: PATCH,
    recipeAuthor: ALICE,
    recipeName: 'debian-12-tiny',
    recordAuthor: ALICE,
    changeClass: 'wording',
    voices: [voice(ALICE, { basis: 'author', record: PATCH })],
    self: SELF,
    ...changes,
  };
}

export function understood(author: AuthorId, seq: number, meaning: Meaning): Understood {
  const link = { network: 'test', author, scope: 'public', recovery: 0, epoch: 0, seq, prev: null };
  return { record: { id: sha256(`${author} ${seq}`), link }, meaning };
}
