import { errnoOf } from '../../errors.ts';
import { readFile } from 'node:fs/promises';
import { defaultPolicyText, parsePolicy } from '../../exchange/trust/index.ts';
import type { Context } from '../context.ts';
import { printLine, printResult } from '../output.ts';

export async function show(context: Context): Promise<undefined> {
  const text = await policyText(context);
  if (context.json) printResult(context, parsePolicy(text, context.home.policyFile), () => '');
  else printLine(context, text.trimEnd());
  return undefined;
}

/** Exit code 2 with file, line and column where something is wrong. */
export async function check(context: Context): Promise<undefined> {
  const policy = parsePolicy(await policyText(context), context.home.policyFile);
  const counts = {
    peers: Object.keys(policy.peers).length,
    groups: Object.keys(policy.groups).length,
    rules: policy.rules.length,
  };
  printResult(
    context,
    { valid: true, file: context.home.policyFile, ...counts },
    (value) => `${value.file} is in order: ${value.peers} peers, ${value.groups} groups, ${value.rules} rules.`,
  );
  return undefined;
}

async function policyText(context: Context): Promise<string> {
  try {
    return await readFile(context.home.policyFile, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return defaultPolicyText();
    throw error;
  }
}
