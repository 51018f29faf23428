/** What is signed of images: with a file that is exported (only its digest comes here), and in the own feed. */
import { canonicalJson } from '../../crypto/canonical.ts';
import type { Digest } from '../../crypto/digest.ts';
import { PortalgunError, RefusedError, UsageError } from '../../errors.ts';
import {
  attestationDraft,
  EXPORT_FORMATS,
  openRecordFile,
  recordContentEqual,
  signExport,
  type AuthorId,
  type Draft,
} from '../../exchange/record/index.ts';
import { findBuild } from '../build-records.ts';
import { allOf } from '../knowledge.ts';
import { isWaiting } from '../outbox.ts';
import { signerOf, type Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { PUBLIC_SCOPE } from '../../exchange/record/feed-link.ts';

/** Rejects with `export/no-build`, `export/revoked` or `export/cannot-attest`. */
export async function attestExport(session: Session, args: Arguments): Promise<{ readonly attestation: string }> {
  const { attestation: build, id } = await findBuild(session.home, args.text('build'));
  if (build === undefined) throw new UsageError('export/no-build', `the build ${id} made no image`);
  const format = EXPORT_FORMATS.find((one) => one === args.text('format'));
  if (format === undefined) {
    throw new UsageError('control/bad-argument', `export.attest: format must be ${EXPORT_FORMATS.join(', ')}`);
  }
  const { author } = session.identity;
  if (session.store.keysOf(author, PUBLIC_SCOPE).revoked) {
    throw new RefusedError('export/revoked', 'You have revoked your key: nobody would believe what it signs.', {
      hint: 'Recover with: portalgun key recover. Or export with --no-attestation.',
    });
  }
  const { seed } = await signerOf(session);
  const { network } = session.config;
  const [file, sha256] = [args.text('file'), args.digest('sha256')];
  return { attestation: signExport(seed, { network, author, format, file, sha256, build }) };
}

export interface OwnAttestation {
  /** Null while it waits in the outbox. */
  readonly record: Digest | null;
}

/**
 * The record that this home has published of a build: its signature is verified once more, and it says what is kept of the
 * build. Rejects with `export/no-build`; `attestation/damaged`, or `attestation/lost` where the store has no such record.
 */
export async function checkAttestation(session: Session, args: Arguments): Promise<OwnAttestation> {
  const { attestation: build, id, published } = await findBuild(session.home, args.text('build'));
  if (build === undefined) throw new UsageError('export/no-build', `the build ${id} made no image`);
  const lost = (cause?: unknown): RefusedError =>
    new RefusedError('attestation/lost', `the store has no record of yours that says what is kept of the build ${id}`, {
      hint: 'The store or build.json was damaged or changed, or a recovery has taken the record back.',
      facts: { build: id, published: published?.['attestation'] ?? null },
      cause,
    });
  let said: Draft;
  try {
    said = attestationDraft(build);
    canonicalJson(said);
  } catch (cause) {
    throw lost(cause); // what was signed could be: build.json is not what it was
  }
  for (const { record } of await allOf(session, 'attestation')) {
    if (record.link.author !== session.identity.author || !recordContentEqual(said, record.statement)) continue;
    const options = {
      network: session.config.network,
      keysOf: (author: AuthorId) => session.store.keysOf(author, PUBLIC_SCOPE),
    };
    try {
      return { record: openRecordFile(record.envelope, options).id };
    } catch (cause) {
      if (!(cause instanceof PortalgunError)) throw cause;
      const { message, facts } = cause;
      throw new RefusedError('attestation/damaged', `the record ${record.id} in the store: ${message}`, {
        facts,
        cause,
      });
    }
  }
  if (await isWaiting(session, published?.['attestation'])) return { record: null };
  throw lost();
}
