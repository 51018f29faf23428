/** Which hosts this cache has spoken to: a new one is told to the person before the first connection. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, sha256 } from '../../crypto/digest.ts';
import { unlessMissing } from './atomic-file.ts';
import { MAX_FILE_NAME_BYTES } from './limits.ts';

/** For `HttpOptions.onHost`. One empty file per host, `hosts/<host>`, so that nothing has to be read or merged. */
export function tellNewHosts(
  cacheDir: string,
  tell: ((host: string) => void) | undefined,
): (host: string) => Promise<void> {
  return async (host) => {
    const path = join(cacheDir, 'hosts', fileNameOf(host));
    if (await stat(path).catch(unlessMissing)) return;
    tell?.(host);
    await mkdir(join(cacheDir, 'hosts'), { recursive: true, mode: 0o700 });
    await writeFile(path, '');
  };
}

/** No host that is encoded has a `=`. An address may name a longer one than any network knows: that is found out by asking. */
function fileNameOf(host: string): string {
  const encoded = encodeURIComponent(host);
  return encoded.length <= MAX_FILE_NAME_BYTES ? encoded : `=${digestHex(sha256(host))}`;
}
