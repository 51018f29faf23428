/** Peers whose signed records are put into a home's store as if they had come over the network. */
import assert from 'node:assert/strict';
import type { Digest } from '../../src/crypto/digest.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import {
  authorIdOf,
  patchDraft,
  recipeDraft,
  signHead,
  signRecord,
  type AuthorId,
  type Draft,
} from '../../src/exchange/record/index.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import type { CheckedRecipe, Operation } from '../../src/recipe/types.ts';
import type { Session } from '../../src/node/session.ts';

export class Peer {
  readonly seed: Uint8Array;
  readonly id: AuthorId;
  readonly #scope: string;
  #seq = 0;
  #prev: Digest | null = null;

  /** `scope`: one of the feeds that this author has. */
  constructor(number: number, scope = 'public') {
    this.#scope = scope;
    this.seed = new Uint8Array(32).fill(number);
    this.id = authorIdOf(publicKeyOf(this.seed));
  }

  /** Signs the next record of this feed, and a fresh head, into the store. */
  async publish(session: Session, draft: Draft): Promise<Digest> {
    const place = { network: session.config.network, author: this.id, scope: this.#scope, recovery: 0, epoch: 0 };
    const record = signRecord(this.seed, { ...place, seq: ++this.#seq, prev: this.#prev }, draft);
    const follows = () => true;
    const { result } = await session.store.admit(record.envelope, { follows });
    assert.equal(result, 'admitted');
    this.#prev = record.id;
    const head = { author: this.id, scope: this.#scope, recovery: 0, epoch: 0, seq: this.#seq, id: record.id };
    const signed = signHead(this.seed, session.config.network, head, { now: session.now() });
    await session.store.putHead(signed.envelope, { follows, now: session.now() });
    return record.id;
  }

  recipe(session: Session, { recipe, digest, source }: CheckedRecipe, claims: { name?: string } = {}): Promise<Digest> {
    const { name, version } = recipe;
    return this.publish(session, recipeDraft({ name, version, digest, yaml: source, ...claims }));
  }

  patch(
    session: Session,
    recipe: CheckedRecipe,
    operations: readonly Operation[],
    claims: { base?: Digest; result?: Digest; recipeName?: string } = {},
  ): Promise<Digest> {
    const draft = patchDraft({
      recipeName: recipe.recipe.name,
      base: recipe.digest,
      result: claims.result ?? applyOperations(recipe, operations).digest,
      operations,
      symptom: null,
      origin: 'human',
      summary: 'a patch',
      verifiedBy: null,
      supersedes: null,
      ...claims,
    });
    return this.publish(session, draft);
  }
}
