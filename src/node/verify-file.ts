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
  openKeyFile,
  openRecordFile,
  signerOf,
  standsIn,
  type Disagreement,
  type FeedLink,
  type KeyChain,
  type KeyFile,
  type KeyId,
  type Meaning,
  type Statement,
  type VerifiedExport,
  type VerifiedRecord,
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
      /** With key records: how many are of this feed, and whose signature the record carries by them. */
      readonly keys?: { readonly records: number; readonly signer: KeyId };
    };

/**
 * Throws `record/refused`, `record/no-disagreement`, `export/refused` or `record/bad-key-records` (exit code 3) with the
 * reason. `keyRecords`: a file of them; then nothing else is believed about keys.
 */
export function verifyFile(bytes: Uint8Array, known: FileOptions, keyRecords?: Uint8Array): VerifiedFile {
  const keyFile = keyRecords && openKeyFile(keyRecords, known.network);
  const options = keyFile === undefined ? known : byKeyFile(keyFile, known.network);
  if (looksLikeDisagreement(bytes)) return { valid: true, disagreement: openDisagreement(bytes, options) };
  if (looksLikeExport(bytes)) return { valid: true, export: openExport(bytes, options) };
  const record = openRecordFile(bytes, options);
  const judged = judge(record);
  const chain = keyFile?.chainOf(record.link.author);
  return {
    valid: true,
    record: record.id,
    author: record.link.author,
    link: record.link,
    predicateType: record.statement.predicateType,
    subject: record.statement.subject,
    understood: judged.understood,
    ...(judged.understood ? { meaning: judged.meaning } : { reason: judged.reason }),
    ...(chain !== undefined && { keys: { records: chain.records, signer: signerIn(chain, record) } }),
  };
}

function byKeyFile(file: KeyFile, network: string): FileOptions {
  return {
    network,
    keysOf: (author) => file.chainOf(author).keys,
    standing: (record) => standsIn(file.chainOf(record.link.author), record),
  };
}

function signerIn({ keys }: KeyChain, { link, statement }: VerifiedRecord): KeyId {
  const signer = signerOf(keys, link, statement);
  if (typeof signer === 'string') return signer;
  throw new TypeError('a record that was opened has a signer');
}
