/**
 * What goes with a file that somebody has taken out of their home: who built it, from what, with which digests. The same
 * provenance as a build's attestation, about the file as it lies there. DSSE in JSON, so cosign and in-toto's tools read it.
 *
 * It is no record: `portalgun_export` stands where a record has its feed link, so neither is ever taken for the other. No
 * feed orders it, and a key that was given up, or stolen, could sign any number of them for ever. So only the key that signs
 * the author's feed now is believed.
 */
import { canonicalJson } from '../../crypto/canonical.ts';
import type { Digest } from '../../crypto/digest.ts';
import { isJsonObject } from '../../crypto/strict-json.ts';
import { isSafeName } from '../../crypto/text.ts';
import { RefusedError, UsageError } from '../../errors.ts';
import { attestationDraft } from './drafts.ts';
import { decodeDsse, dsseFromJson, dsseToJson } from './dsse.ts';
import { readEnvelope, RECORD_PAYLOAD_TYPE, verifySignature, type SealedRecord } from './envelope.ts';
import { isNetwork } from './feed-link.ts';
import { currentKey, firstKeys } from './feed-keys.ts';
import type { FileOptions } from './file.ts';
import { isAuthorId } from './identity.ts';
import { ENVELOPE_JSON_MAX_BYTES, ENVELOPE_MAX_BYTES, NAME_MAX_LENGTH } from './limits.ts';
import { MANIFEST_SUBJECT, understandAttestation, type AttestationInput } from './meaning/attestation.ts';
import { NotUnderstood } from './meaning/fields.ts';
import { digestOfSubject } from './meaning/subjects.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { sealPayload } from './sign.ts';
import { parseFrame, STATEMENT_TYPE, type Frame } from './statement.ts';
import { PREDICATE, type AuthorId, type Meaning } from './types.ts';
import { PUBLIC_SCOPE } from './feed-link.ts';

export const EXPORT_FORMATS = ['raw', 'qcow2', 'tar'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportInput {
  readonly network: string;
  readonly author: AuthorId;
  readonly format: ExportFormat;
  /** The file, by the name that it lies there with. */
  readonly file: string;
  readonly sha256: Digest;
  /** What was written down of the build. */
  readonly build: AttestationInput;
}

/** An export's attestation whose signature holds; made by `openExport` alone. */
export interface VerifiedExport {
  readonly author: AuthorId;
  readonly format: ExportFormat;
  readonly file: { readonly name: string; readonly sha256: Digest };
  readonly meaning: Extract<Meaning, { kind: 'attestation' }>;
}

/**
 * One line of JSON, with a line end; the same for the same export. `seed` is that of the key that signs the author's feed
 * now. Throws `export/cannot-attest` where no reader would take the result.
 */
export function signExport(seed: Uint8Array, { network, author, format, file, sha256, build }: ExportInput): string {
  const { subject, predicateType, predicate } = attestationDraft({ ...build, files: { [file]: sha256 } });
  const payload = canonicalJson({
    _type: STATEMENT_TYPE,
    subject,
    predicateType,
    predicate,
    portalgun_export: { network, author, format },
  });
  const dsse = decodeDsse(sealPayload(seed, RECORD_PAYLOAD_TYPE, Buffer.from(payload)), ENVELOPE_MAX_BYTES);
  if (isRefusal(dsse)) throw cannot(dsse.detail);
  const read = parseExport(parseFrame(Buffer.from(payload)), network);
  if (isRefusal(read)) throw cannot(read.detail);
  return `${dsseToJson(dsse)}\n`;
}

/** Whether these bytes mean to be such a file. Whether they are one, `openExport` finds out. */
export function looksLikeExport(bytes: Uint8Array): boolean {
  const sealed = sealedIn(bytes);
  if (isRefusal(sealed)) return false;
  const frame = parseFrame(sealed.dsse.payload);
  return !isRefusal(frame) && frame['portalgun_export'] !== undefined && frame['portalgun_feed'] === undefined;
}

/** Throws `export/refused` (exit code 3) with the reason. */
export function openExport(bytes: Uint8Array, { network, keysOf = firstKeys }: FileOptions): VerifiedExport {
  const sealed = orRefuse(sealedIn(bytes));
  const opened = orRefuse(parseExport(parseFrame(sealed.dsse.payload), network));
  const keys = keysOf(opened.author, PUBLIC_SCOPE);
  if (keys.revoked) throw refused(`its author ${opened.author} has revoked the key that signs`);
  const bad = verifySignature(sealed.signed, sealed.dsse, currentKey(keys), {});
  if (bad) throw refused(`${bad.detail}; it must be by the key with which ${opened.author} signs now`);
  return opened;
}

function sealedIn(bytes: Uint8Array): SealedRecord | Refusal {
  const envelope = dsseFromJson(bytes.subarray(0, ENVELOPE_JSON_MAX_BYTES + 1));
  return envelope instanceof Uint8Array ? readEnvelope(envelope) : envelope;
}

function parseExport(frame: Frame | Refusal, network: string): VerifiedExport | Refusal {
  if (isRefusal(frame)) return frame;
  const about = frame['portalgun_export'];
  if (!isJsonObject(about)) return bad('it does not say what was exported');
  if (frame['portalgun_feed'] !== undefined) return bad('it has a place in a feed: it is a record');
  const format = EXPORT_FORMATS.find((one) => one === about['format']);
  if (format === undefined) return bad('its format is none that this version knows');
  if (!isNetwork(about['network']) || !isAuthorId(about['author'])) return bad('it names no network and author');
  if (about['network'] !== network) {
    return { refused: 'wrong-network', detail: `it is of the network ${about['network']}, and this is ${network}` };
  }
  if (frame.predicateType !== PREDICATE.attestation) return bad('it is about no build');
  const [file, second] = frame.subject.filter(({ name }) => name !== MANIFEST_SUBJECT);
  if (file === undefined || second !== undefined) return bad('it must be about one manifest and one file');
  if (!isExportName(file.name)) return bad('its file has a name that is none of one file');
  try {
    const meaning = understandAttestation(frame);
    if (meaning.kind !== 'attestation') return bad('it is about no build');
    return { author: about['author'], format, file: { name: file.name, sha256: digestOfSubject(file) }, meaning };
  } catch (error) {
    if (error instanceof NotUnderstood) return bad(error.message);
    throw error;
  }
}

/** A name in a folder, which nothing has to be escaped in to be shown, and no reader of subjects refuses. */
export function isExportName(name: string): boolean {
  const special = name === MANIFEST_SUBJECT || name === '.' || name === '..' || name.includes('/');
  return !special && isSafeName(name, NAME_MAX_LENGTH);
}

function orRefuse<T extends object>(value: T | Refusal): T {
  if (isRefusal(value)) throw refused(value.detail);
  return value;
}

function bad(detail: string): Refusal {
  return { refused: 'bad-statement', detail };
}

function refused(detail: string): RefusedError {
  return new RefusedError('export/refused', `This attestation of an export does not hold: ${detail}.`);
}

function cannot(detail: string): UsageError {
  return new UsageError('export/cannot-attest', `This export cannot be attested: ${detail}.`);
}
