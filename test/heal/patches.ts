/** Signed patches for tests, each really signed by its author. */
import { sha256, type Digest } from '../../src/crypto/digest.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { authorIdOf, judge, patchDraft, signRecord, type AuthorId } from '../../src/exchange/record/index.ts';
import type { PatchMeaning, PublishedPatch } from '../../src/heal/candidates.ts';

export interface TestAuthor {
  readonly seed: Uint8Array;
  readonly id: AuthorId;
}

export function author(number: number): TestAuthor {
  const seed = new Uint8Array(32).fill(number);
  return { seed, id: authorIdOf(publicKeyOf(seed)) };
}

/** The author's next record is this patch. Fields that a test does not care for are filled in. */
export function patchBy(
  { seed, id }: TestAuthor,
  fields: Partial<PatchMeaning>,
  at: { readonly network?: string; readonly seq?: number; readonly prev?: Digest | null } = {},
): PublishedPatch {
  const { network = 'test', seq = 1, prev = null } = at;
  const draft = patchDraft({
    recipeName: 'sample',
    base: sha256('base'),
    result: sha256('result'),
    operations: [],
    symptom: null,
    origin: 'human',
    summary: 'a patch for a test',
    verifiedBy: null,
    supersedes: null,
    ...fields,
  });
  const record = signRecord(seed, { network, author: id, scope: 'public', recovery: 0, epoch: 0, seq, prev }, draft);
  const judged = judge(record);
  if (!judged.understood || judged.meaning.kind !== 'patch') throw new Error('the test made no patch');
  return { record, meaning: judged.meaning };
}
