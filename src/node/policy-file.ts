/** The person's `policy.yaml`: read when it changes, edited without losing comments. */
import { asError, errnoOf } from '../errors.ts';
import { readFile, stat } from 'node:fs/promises';
import { defaultPolicyText, keptPolicy, parsePolicy } from '../exchange/trust/policy.ts';
import type { Policy } from '../exchange/trust/types.ts';
import { writeFileAtomic } from './atomic.ts';

export interface PolicyFile {
  readonly path: string;
  /**
   * The policy in force; read again when the file has changed. Where what stands there now cannot be read, the last good
   * one stays in force, and says so (`broken`).
   */
  current(): Promise<Policy>;
  /** The same, without looking at the disk: what network callbacks use. */
  last(): Policy;
  text(): Promise<string>;
  /** Writes what `change` makes of the text, after checking it. */
  edit(change: (text: string) => string): Promise<Policy>;
}

/** Rejects with `policy/invalid`, naming line and column: with no good one before it, nothing is in force. */
export async function openPolicyFile(path: string): Promise<PolicyFile> {
  const text = async (): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return defaultPolicyText();
      throw error;
    }
  };
  let seen = await versionOf(path);
  let policy = parsePolicy(await text(), path);
  const current = async (): Promise<Policy> => {
    try {
      const version = await versionOf(path);
      // Trouble may go as it came, with the file as it was before: permissions, or a copy that is put back.
      if (version === seen && policy.broken === undefined) return policy;
      policy = parsePolicy(await text(), path);
      seen = version;
    } catch (error) {
      const broken = asError(error).message;
      // The same object as long as it is the same trouble: whoever compares sees no news.
      if (policy.broken !== broken) policy = keptPolicy(policy, broken);
    }
    return policy;
  };
  return {
    path,
    current,
    last: () => policy,
    text,
    edit: async (change) => {
      const changed = change(await text());
      parsePolicy(changed, path);
      await writeFileAtomic(path, changed);
      return current();
    },
  };
}

async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true });
    return `${mtimeNs}/${size}/${ino}`;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent';
    throw error;
  }
}
