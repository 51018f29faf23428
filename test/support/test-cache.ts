/** The media cache that all tests share, so that packages are downloaded once a machine. Verified anew at each use. */
import os from 'node:os';
import path from 'node:path';

export const TEST_CACHE = process.env['PORTALGUN_TEST_CACHE'] || path.join(os.tmpdir(), 'portalgun-test-cache');
