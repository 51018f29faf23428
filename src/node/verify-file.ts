/**
 * Checks a file that somebody gave: a record, two that contradict each other, or what goes with an export. Nothing is asked
 * of anybody.
 */
import {
  judge,
  looksLikeDisagreement,
  looksLikeExport,
  openDisagreement,
  openExport,
  openRecordFile,
  type Disagreement,
  type FeedLink,
  type Meaning,
  type Statement,
  type VerifiedExport,
} from '../exchange/record/index.ts';
import type { Digest } from '../crypto/digest.ts';
import type { FileOptions } from '../exchange/record/file.ts';

export type VerifiedFile =
  | { readonly valid: true; readonly disagreement: Disagreement }
  | { readonly valid: true; readonly export: VerifiedExport }
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

/** Throws `record/refused`, `record/no-disagreement` or `export/refused` (exit code 3) with the reason. */
export function verifyFile(bytes: Uint8Array, options: FileOptions): VerifiedFile {
  if (looksLikeDisagreement(bytes)) return { valid: true, disagreement: openDisagreement(bytes, options) };
  if (looksLikeExport(bytes)) return { valid: true, export: openExport(bytes, options) };
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
