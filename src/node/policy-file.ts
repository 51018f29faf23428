/** The person's `policy.yaml`: read when it changes, edited without losing comments. */
import { errnoOf } from '../errors.ts';
import { readFile, stat } from 'node:fs/promises';
import { defaultPolicyText, parsePolicy } from '../exchange/trust/policy.ts';
import type { Policy } from '../exchange/trust/types.ts';
import { writeFileAtomic } from './atomic.ts';

export interface PolicyFile {
  readonly path: string;
  /** The policy in force; read again when the file has changed. Rejects with `policy/invalid`, naming the line. */
  current(): Promise<Policy>;
  /** The last good policy, without looking at the disk: what network callbacks use. */
  last(): Policy;
  text(): Promise<string>;
  /** Writes what `change` makes of the text, after checking it. */
  edit(change: (text: string) => string): Promise<Policy>;
}

export async function openPolicyFile(path: string): Promise<PolicyFile> {
  let seen = '';
  let policy: Policy | undefined;

  const text = async (): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return defaultPolicyText();
      throw error;
    }
  };
  const current = async (): Promise<Policy> => {
    const version = await versionOf(path);
    if (policy === undefined || version !== seen) {
      policy = parsePolicy(await text(), path);
      seen = version;
    }
    return policy;
  };
  const first = await current();
  return {
    path,
    current,
    last: () => policy ?? first,
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
