/** What goes with an exported file, signed: the file never comes here, its digest does. */
import { RefusedError, UsageError } from '../../errors.ts';
import { EXPORT_FORMATS, signExport } from '../../exchange/record/index.ts';
import { findBuild } from '../build-records.ts';
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
