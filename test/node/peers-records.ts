/** Peers whose signed records are put into a home's store as if they had come over the network. */
import assert from 'node:assert/strict';
import type { Digest } from '../../src/crypto/digest.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import {
  authorIdOf,
  keyChangePredicate,
  keyDraft,
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
  /** Of the key that signs now. */
  #signs: Uint8Array;
  #epoch = 0;
  #seq = 0;
  #prev: Digest | null = null;

  /** `scope`: one of the feeds that this author has. */
  constructor(number: number, scope = 'public') {
    this.#scope = scope;
    this.seed = new Uint8Array(32).fill(number);
    this.#signs = this.seed;
    this.id = authorIdOf(publicKeyOf(this.seed));
  }

  /** Signs the next record of this feed, and a fresh head, into the store. */
  async publish(session: Session, draft: Draft): Promise<Digest> {
    const record = signRecord(this.#signs, this.#next(session), draft, this.#keys(session));
    const follows = () => true;
    const { result } = await session.store.admit(record.envelope, { follows });
    assert.equal(result, 'admitted');
    this.#prev = record.id;
    this.#seq += 1;
    const head = {
      author: this.id,
      scope: this.#scope,
      recovery: 0,
      epoch: this.#epoch,
      seq: this.#seq,
      id: record.id,
    };
    const feedKeys = this.#keys(session);
    const signed = signHead(this.#signs, session.config.network, head, { now: session.now(), feedKeys });
    await session.store.putHead(signed.envelope, { follows, now: session.now() });
    return record.id;
  }

  /** The feed goes on under another key, in an epoch whose numbers begin anew. */
  async rotate(session: Session, number: number): Promise<void> {
    assert.ok(this.#prev);
    const keep = { recovery: 0, epoch: this.#epoch, seq: this.#seq, id: this.#prev };
    [this.#epoch, this.#seq] = [this.#epoch + 1, 0];
    const newSeed = new Uint8Array(32).fill(number);
    const predicate = keyChangePredicate(this.#next(session), newSeed, { action: 'rotate', keep });
    const opening = signRecord(this.#signs, this.#next(session), keyDraft(this.id, predicate), this.#keys(session));
    const { result } = await session.store.admit(opening.envelope, { follows: () => true });
    assert.equal(result, 'admitted');
    [this.#signs, this.#seq, this.#prev] = [newSeed, 1, opening.id];
  }

  #next({ config: { network } }: Session) {
    const place = { recovery: 0, epoch: this.#epoch, seq: this.#seq + 1, prev: this.#prev };
    return { network, author: this.id, scope: this.#scope, ...place };
  }

  #keys({ store }: Session) {
    return store.keysOf(this.id, this.#scope);
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
