/**
 * Records: signed statements, each a link in its author's feed. docs/records.md is the format.
 *
 * Two judgements are kept apart. A record is *admitted* when its link holds (links.ts); what it *means* is asked
 * separately (meaning.ts), and a kind that this version does not know counts for nothing without stopping the feed.
 */
import type { Digest } from '../../crypto/digest.ts';
import type { ChangeClass, Operation } from '../../recipe/types.ts';
import type { BuildInputs } from './meaning/build-key.ts';
import type { KeyAction } from './key-change.ts';

declare const verified: unique symbol;

/** `ed25519:` and the 64 hex digits of the author's first public key. Never changes. */
export type AuthorId = `ed25519:${string}`;

/** A public key, written like an author id: which of an author's keys signs depends on the feed (feed-keys.ts). */
export type KeyId = `ed25519:${string}`;

/** `public`, or a private group's random id. */
export type Scope = string;

/** The feed link inside the signed bytes (`portalgun_feed`). */
export interface FeedLink {
  readonly network: string;
  readonly author: AuthorId;
  readonly scope: Scope;
  readonly recovery: number;
  readonly epoch: number;
  /** Counts from 1 within an epoch. */
  readonly seq: number;
  /** Id of the record before, null for the very first. */
  readonly prev: Digest | null;
}

/** in-toto Statement v1 as parsed: unknown fields are kept, and ignored. */
export interface Statement {
  readonly _type: 'https://in-toto.io/Statement/v1';
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly predicateType: string;
  readonly predicate: Readonly<Record<string, unknown>>;
  readonly portalgun_feed: FeedLink;
}

/** Encoding, limits and signature hold; made by `openEnvelope` (envelope.ts) alone. */
export interface VerifiedRecord {
  readonly [verified]: true;
  /** SHA-256 of PAE(payloadType, payload). */
  readonly id: Digest;
  readonly link: FeedLink;
  readonly statement: Statement;
  /** The one canonical protobuf encoding, as it travels and is stored. */
  readonly envelope: Uint8Array;
}

export const PREDICATE = {
  recipe: 'urn:portalgun:recipe:v1',
  patch: 'urn:portalgun:recipe-patch:v1',
  attestation: 'https://slsa.dev/provenance/v1',
  failure: 'https://in-toto.io/attestation/test-result/v0.1',
  endorsement: 'urn:portalgun:endorsement:v1',
  withdrawal: 'urn:portalgun:withdrawal:v1',
  key: 'urn:portalgun:key:v1',
} as const;

export type RecordKind = keyof typeof PREDICATE;

/** Screens of a patch by digest, as text: where the step failed, and where it was done with the patch. Advice, no proof. */
export interface Evidence {
  readonly before?: Digest;
  readonly after?: Digest;
}

/** What a record says, once it is understood. */
export type Meaning =
  | {
      readonly kind: 'recipe';
      readonly name: string;
      readonly version: string;
      readonly digest: Digest;
      readonly yaml: string;
      readonly lockYaml?: string;
    }
  | {
      readonly kind: 'patch';
      readonly recipeName: string;
      readonly base: Digest;
      readonly result: Digest;
      readonly operations: readonly Operation[];
      readonly symptom: Digest | null;
      readonly origin: 'human' | 'suggestion' | 'mixed';
      readonly summary: string;
      /** Id of the attestation or endorsement of an untouched build with it, if there is one. */
      readonly verifiedBy: Digest | null;
      readonly supersedes: Digest | null;
      readonly evidence?: Evidence;
    }
  | {
      readonly kind: 'attestation';
      readonly recipe: Digest;
      readonly recipeName: string;
      /** What the build key is made of. */
      readonly inputs: BuildInputs;
      readonly buildKey: Digest;
      /** What was done, whatever its name and rules; null in attestations that do not say. No part of the build key. */
      readonly work: Digest | null;
      readonly manifest: Digest;
      /** QEMU version, accelerator, cpu model: what independence is judged by. */
      readonly builder: Readonly<Record<string, string>>;
      /** Fingerprints of the keys that vouched for what it was built from, sorted. */
      readonly signers: readonly string[];
    }
  | {
      readonly kind: 'failure';
      readonly recipe: Digest;
      readonly recipeName: string;
      readonly failedSteps: readonly string[];
      readonly symptom: Digest | null;
    }
  | {
      readonly kind: 'endorsement';
      readonly of: Digest;
      readonly reviewed: 'human' | 'build';
      readonly attestation: Digest | null;
    }
  | { readonly kind: 'withdrawal'; readonly of: Digest; readonly reason: string }
  | ({ readonly kind: 'key' } & KeyAction);

export type Judged =
  | { readonly understood: true; readonly meaning: Meaning }
  | { readonly understood: false; readonly reason: string };

/** What happened to bytes offered to the store. */
export type Admission =
  /**
   * `released`: records that were held and were admitted with it, in order. `voided`: records that a recovery has left
   * behind; they are no longer stored.
   */
  | {
      readonly result: 'admitted';
      readonly record: VerifiedRecord;
      readonly released?: readonly VerifiedRecord[];
      readonly voided?: readonly Digest[];
    }
  | { readonly result: 'known'; readonly id: Digest }
  /** The link leaves a gap, or a recovery names a branch that is not here: held (bounded) until what is missing arrives. */
  | { readonly result: 'held'; readonly id: Digest; readonly missingFrom: number }
  /** `claims`: what the bytes say they are, where they read; nothing of it is verified. `record`: the id that they have. */
  | {
      readonly result: 'refused';
      readonly reason: RefusalReason;
      readonly detail: string;
      readonly claims?: FeedLink;
      readonly record?: Digest;
    };

export type RefusalReason =
  | 'too-large'
  | 'bad-encoding'
  | 'bad-statement'
  | 'wrong-network'
  | 'unknown-author'
  | 'bad-signature'
  /** Of an epoch whose opening this node has not seen: nobody can say whose signature it must be. */
  | 'unknown-key'
  /** In a private group: signed by a key that its author has given up since, and nothing newer vouches for it. */
  | 'given-up'
  | 'replayed'
  | 'revoked'
  | 'bad-link'
  | 'fork'
  | 'frozen'
  /** Of a recovery beside the one that this node's person has chosen (rivals.ts). */
  | 'not-chosen'
  /** A beginning, or a recovery, that names another recovery key than its author's invitation did (recovery-pin.ts). */
  | 'not-pinned';

export interface FeedHead {
  readonly author: AuthorId;
  readonly scope: Scope;
  readonly recovery: number;
  readonly epoch: number;
  readonly seq: number;
  readonly id: Digest;
}

export type { ChangeClass };
