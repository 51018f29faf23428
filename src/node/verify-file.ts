/** Checks a file that somebody gave: a record, or two that contradict each other. Nothing is asked of anybody. */
import {
  judge,
  looksLikeDisagreement,
  openDisagreement,
  openRecordFile,
  type Disagreement,
  type FeedLink,
  type Meaning,
  type Statement,
} from '../exchange/record/index.ts';
import type { Digest } from '../crypto/digest.ts';
import type { FileOptions } from '../exchange/record/file.ts';

export type VerifiedFile =
  | { readonly valid: true; readonly disagreement: Disagreement }
  | {
      readonly valid: true;
      readonly record: Digest;
      readonly author: FeedLink['author'];
      readonly link: FeedLink;
      readonly predicateType: string;
      readonly subject: Statement['subject'];
      readonly understood: boolean;
      readonly meaning?: Meaning;
      readonly reason?: string;
    };

/** Throws `record/refused` or `record/no-disagreement` (exit code 3) with the reason. */
export function verifyFile(bytes: Uint8Array, options: FileOptions): VerifiedFile {
  if (looksLikeDisagreement(bytes)) return { valid: true, disagreement: openDisagreement(bytes, options) };
  const record = openRecordFile(bytes, options);
  const judged = judge(record);
  return {
    valid: true,
    record: record.id,
    author: record.link.author,
    link: record.link,
    predicateType: record.statement.predicateType,
    subject: record.statement.subject,
    understood: judged.understood,
    ...(judged.understood ? { meaning: judged.meaning } : { reason: judged.reason }),
  };
}
