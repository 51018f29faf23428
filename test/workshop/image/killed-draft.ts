/** Drafts an image, says so, and waits to be killed. */
import { draftImage } from '../../../src/workshop/image/index.ts';

const [, , imagesDir = '', source = ''] = process.argv;
await draftImage({ imagesDir, id: 'killed', disks: [{ id: 'root', path: source, format: 'raw' }] });
process.stdout.write('drafted\n');
// Never ends by itself.
setInterval(() => {}, 1000);
