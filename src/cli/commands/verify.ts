import { readFile } from 'node:fs/promises';
import {
  judge,
  looksLikeDisagreement,
  openDisagreement,
  openRecordFile,
  type Disagreement,
} from '../../exchange/record/index.ts';
import { loadConfig } from '../../node/config.ts';
import type { Context } from '../context.ts';
import { printResult } from '../output.ts';
import { UsageError } from '../../errors.ts';

/** Checks a record offline: encoding, signature, link and meaning. Exit code 3 where one does not hold. */
export async function verify(context: Context, file: string): Promise<undefined> {
  const { network } = await loadConfig(context.home);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new UsageError('verify/unreadable', `cannot read ${file}`, { cause });
  }
  if (looksLikeDisagreement(bytes)) {
    printDisagreement(context, openDisagreement(bytes, { network }));
    return undefined;
  }
  const record = openRecordFile(bytes, { network });
  const judged = judge(record);
  const answer = {
    valid: true,
    record: record.id,
    author: record.link.author,
    link: record.link,
    predicateType: record.statement.predicateType,
    subject: record.statement.subject,
    understood: judged.understood,
    ...(judged.understood ? { meaning: judged.meaning } : { reason: judged.reason }),
  };
  printResult(context, answer, () => [
    `The signature holds: ${record.id}`,
    `author     ${record.link.author}`,
    `feed       ${record.link.scope} of network ${record.link.network}, record ${record.link.seq}, epoch ${record.link.epoch}`,
    `predicate  ${record.statement.predicateType}`,
    ...record.statement.subject.map(({ name, digest }) => `subject    ${name} sha256:${digest['sha256'] ?? '?'}`),
    judged.understood ? `says       ${judged.meaning.kind}` : `not understood by this version: ${judged.reason}`,
    'Offline it cannot be known whether it is the newest word of its author.',
  ]);
  return undefined;
}

function printDisagreement(context: Context, disagreement: Disagreement): void {
  printResult(context, { valid: true, disagreement }, ({ disagreement: { recipeName, buildKey, sides } }) => [
    `Both signatures hold, and what they sign cannot both be so: ${recipeName}`,
    `build key  ${buildKey}`,
    ...sides.flatMap(({ author, record, manifest }) => [
      `author     ${author}`,
      `  record   ${record}`,
      `  manifest ${manifest}`,
    ]),
    'It shows that one build went wrong, or was made up; not whose.',
  ]);
}
