/** Drafts an image where there is no room for it, and says how that went. */
import { readdir } from 'node:fs/promises';
import { PortalgunError } from '../../../src/errors.ts';
import { draftImage } from '../../../src/workshop/image/index.ts';

const [, , imagesDir = '', source = ''] = process.argv;
try {
  await draftImage({ imagesDir, id: 'full', disks: [{ id: 'root', path: source, format: 'raw' }] });
  process.stdout.write('null');
} catch (error) {
  if (!(error instanceof PortalgunError)) throw error;
  const { code, exitCode } = error;
  process.stdout.write(JSON.stringify({ code, exitCode, left: await readdir(imagesDir) }));
}
