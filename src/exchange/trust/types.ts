/** The person's own policy, and what it decides. Pure: no I/O, no clock but the one given. */
import type { Digest } from '../../crypto/digest.ts';
import type { ChangeClass } from '../../recipe/types.ts';
import type { RecoveryPin } from '../record/recovery-pin.ts';
import type { AuthorId, Scope } from '../record/types.ts';

declare const checked: unique symbol;

export type Apply = 'auto' | 'ask' | 'never';

/** Checked by `parsePolicy` (policy.ts) alone. Names are resolved to author ids; groups may nest. */
export interface Policy {
  readonly [checked]: true;
  readonly peers: Readonly<
    Record<
      string,
      {
        readonly id: AuthorId;
        readonly addresses: readonly string[];
        readonly follow: boolean;
        /** Recovery keys that their invitation named. */
        readonly recovery?: readonly RecoveryPin[];
      }
    >
  >;
  readonly groups: Readonly<Record<string, Group>>;
  /** Private groups that this node is in, under names that only this file uses; its owner is a member of each. */
  readonly private: Readonly<Record<string, { readonly scope: Scope; readonly members: readonly string[] }>>;
  readonly rules: readonly Rule[];
  readonly defaults: { readonly patches: Apply; readonly versions: Apply };
  /**
   * What is wrong with the file as it is now, with line and column: then this is what stood in it before, and nothing is
   * automatic. Whoever edits a policy means to change something, and what, nobody can read.
   */
  readonly broken?: string;
}

export interface Group {
  readonly k: number;
  /** Peer names and group names. */
  readonly of: readonly string[];
}

/** `when` is a peer, a group, or a group written in place. `auto` always has one. */
export interface Permission {
  readonly apply: Apply;
  readonly when?: string | Group;
}

export interface Rule {
  /** `author/name` globs; the author is a pet name, an id, `me` or `*`. */
  readonly recipes: readonly string[];
  readonly patches: Partial<Readonly<Record<ChangeClass, Permission>>>;
  readonly versions?: Permission;
  readonly checksums?: { readonly confirm: Group };
  /** 1-based line in the policy file, for `why`. */
  readonly line: number;
}

/** One author for or against something. `build` voices are shown, and never count towards anything automatic. */
export interface Voice {
  readonly author: AuthorId;
  readonly stance: 'for' | 'against';
  readonly basis: 'author' | 'reviewed-human' | 'reviewed-build' | 'failure' | 'withdrawal' | 'contradicting-patch';
  readonly record: Digest;
  readonly stale: boolean;
}

export interface Question {
  readonly about: 'patch' | 'version';
  readonly record: Digest;
  readonly recipeAuthor: AuthorId;
  readonly recipeName: string;
  readonly recordAuthor: AuthorId;
  readonly changeClass: ChangeClass;
  readonly voices: readonly Voice[];
  /** This node's own author id: its records are not a stranger's, and rules may call it `me`. */
  readonly self?: AuthorId;
}

/** `apply` is what may happen; `because` is the whole derivation, one sentence a line, in order. */
export interface Decision {
  readonly apply: Apply;
  readonly because: readonly string[];
  /** Which rule decided, counted from 1 as in the file; null when it was the defaults or what no rule can change. */
  readonly rule: number | null;
  /** What is missing for `auto`: names of peers whose voice is awaited. */
  readonly missing: readonly string[];
}
