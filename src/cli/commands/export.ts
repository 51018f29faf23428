import { exportImage, type ExportedImage } from '../../node/export-image.ts';
import type { ExportFormat } from '../../exchange/record/index.ts';
import type { Context } from '../context.ts';
import { progressOn } from '../media-progress.ts';
import { bytes, note, printResult } from '../output.ts';

interface ExportFlags {
  readonly format: ExportFormat;
  readonly output: string;
  readonly force?: boolean;
  readonly attestation: boolean;
}

/** Exit code 3 where the stored image is not what was measured. */
export async function exportCommand(context: Context, image: string, flags: ExportFlags): Promise<undefined> {
  const { onProgress } = progressOn(context);
  let told: string | undefined;
  const exported = await exportImage(context.home, {
    image,
    format: flags.format,
    output: flags.output,
    force: flags.force ?? false,
    attest: flags.attestation,
    signal: context.signal,
    onProgress: (progress) => {
      if (onProgress !== undefined) return onProgress(progress);
      if (told !== progress.what) note(context, progress.what);
      told = progress.what;
    },
  });
  printResult(context, exported, linesOf);
  return undefined;
}

function linesOf({
  image,
  format,
  file,
  sizeBytes,
  sha256,
  manifest,
  attestation,
  leftOut,
  ruled,
}: ExportedImage): string[] {
  return [
    file,
    `  ${format}, ${bytes(sizeBytes)}`,
    `  ${sha256}`,
    manifest.file,
    '  what it holds, file by file',
    `  ${manifest.sha256}`,
    ...(attestation === null
      ? []
      : [attestation, '  what it was built from, signed', `To check all three: portalgun verify ${file}`]),
    '',
    'It holds what was measured. What `personalise` changed on this machine, and',
    'with it every secret, is not in it.',
    ...(leftOut.length === 0
      ? []
      : [
          `Not in a tar, and in the manifest: ${leftOut.length} sockets and parts of the disk`,
          'outside of file systems, such as boot sectors.',
        ]),
    ...(ruled.length === 0
      ? []
      : [
          `Entries that are another in each build, and the same in each copy: ${ruled.length}`,
          `(portalgun images hidden ${image} lists them).`,
        ]),
  ];
}
