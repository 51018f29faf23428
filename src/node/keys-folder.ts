/** The folder of the distribution developers' keys that come with portalgun. */
import path from 'node:path';

export const KEYS_FOLDER = path.resolve(import.meta.dirname, '../../keys');
