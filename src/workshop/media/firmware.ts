/** UEFI for a virtual machine: OVMF of Debian's package, verified as every medium is. The host's own copy is never used. */
import { withClearErrors } from './clear-errors.ts';
import { resolvePackages } from './closure.ts';
import { fetchDebs } from './deb-store.ts';
import { packageFiles, type PackageFileOptions } from './package-file.ts';
import { withArchive, type SessionOptions } from './package-session.ts';
import type { Firmware, VerifiedFile } from './types.ts';

export const FIRMWARE_PACKAGE = 'ovmf';

/** Without Secure Boot, so that no keys but the user's own are ever trusted in silence. */
const CODE = 'usr/share/OVMF/OVMF_CODE_4M.fd';
const VARIABLES = 'usr/share/OVMF/OVMF_VARS_4M.fd';

export async function firmwareIn(deb: VerifiedFile, options: PackageFileOptions): Promise<Firmware> {
  const [code, variables] = await packageFiles(deb, [CODE, VARIABLES], options);
  if (!code || !variables) throw new TypeError('a file for each path');
  return { code, variables };
}

/** The newest, for running an image. Throws as `prepareMedia` does. */
export function prepareFirmware(options: SessionOptions): Promise<Firmware> {
  return withClearErrors(options, () =>
    withArchive(options, false, async ({ archive, lists }) => {
      const [deb] = await fetchDebs(resolvePackages(archive, [FIRMWARE_PACKAGE], false), { ...options, lists });
      if (!deb) throw new TypeError('a file for each package');
      return firmwareIn(deb, options);
    }),
  );
}
