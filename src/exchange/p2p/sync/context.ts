/** What both sides of a sync stand on. */
import type { Admission, AuthorId, Scope } from '../../record/types.ts';
import type { OwnStore } from '../../store/types.ts';
import type { MarkMemory } from './mark-memory.ts';
import type { OnTrouble } from '../protocol.ts';
import { positionOf } from '../../record/links.ts';
import type { Holdings, SignedAt } from './logic.ts';
import type { SignedHead } from '../../record/head.ts';

export interface SyncContext {
  readonly network: string;
  readonly store: OwnStore;
  /** Which feeds all of this is about: the public ones, or a group's. */
  readonly scope: Scope;
  /** Authors whose feeds this node has and gives, its own included. */
  readonly carries: (author: AuthorId) => boolean;
  readonly carried: () => readonly AuthorId[];
  readonly onAdmission: (admission: Admission, from: string) => void;
  /** A signed head or a proof of this peer's was refused. */
  readonly onRefused: (from: string) => void;
  /** Before each sync and each answer: the own signed head must be about the newest own record. */
  readonly renewHead: () => Promise<void>;
  /** A proof of a fork arrived that this node did not have. */
  readonly onProof: (from: string) => void;
  /** A newer signed head came from a peer. */
  readonly onHead: (head: SignedHead, from: string) => void;
  readonly onTrouble: OnTrouble;
  readonly now: () => number;
  /** What this node has told its peers. */
  readonly said: MarkMemory;
  /** What its peers have told this node. */
  readonly heard: MarkMemory;
}

export async function holdingsOf(context: Pick<SyncContext, 'store' | 'scope' | 'carried'>): Promise<Holdings> {
  const { store, carried } = context;
  const signed = new Map<AuthorId, SignedAt>();
  for (const author of carried()) {
    const newest = await store.headOf(author, context.scope);
    if (newest !== undefined) signed.set(author, signedAtOf(newest));
  }
  const isOfScope = ({ scope }: { readonly scope: string }): boolean => scope === context.scope;
  const frozen = (await store.frozen()).filter(isOfScope);
  const settled = (await store.chosen()).filter((one) => isOfScope(one) && one.rivals !== null);
  return {
    heads: await store.heads(),
    signed,
    frozen: new Map(
      frozen.map(({ author, at, rivals }) => [author, { ...at, ...(rivals && { rivals: true as const }) }]),
    ),
    settled: new Map(settled.map(({ author, recovery }) => [author, recovery])),
  };
}

export function signedAtOf({ head, issuedAt }: SignedHead): SignedAt {
  return { ...positionOf(head), issuedAt: Math.floor(issuedAt.getTime() / 1000) };
}
