/**
 * A host that is not honest: its QEMU gives the guest another disk of packages than the one that was verified, in which
 * one file is not what the recipe says. Nothing of portalgun is changed; no check on the host can see it.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findProgram } from '../../src/workshop/machine/confinement.ts';
import type { TestHome } from './temp-home.ts';

const QEMU = 'qemu-system-x86_64';

/** A home whose builds get `content` for the file `name` on each disk of packages. Needs mtools. */
export async function lyingHost(home: TestHome, name: string, content: string): Promise<TestHome> {
  const real = await findProgram(QEMU);
  if (real === null) throw new Error(`${QEMU} is not installed`);
  const folder = path.join(home.folder, 'lie');
  await mkdir(folder);
  await writeFile(path.join(folder, name), content);
  await writeFile(
    path.join(folder, QEMU),
    `#!/bin/sh
set -e
for arg; do
  shift
  case $arg in
    *filename=*/disks/*.img)
      disk=\${arg##*filename=}
      if ! [ -e '${folder}/disk' ]; then
        cp "$disk" '${folder}/disk'
        MTOOLS_SKIP_CHECK=1 mcopy -o -i '${folder}/disk' '${folder}/${name}' '::${name}' >&2
      fi
      arg=\${arg%%filename=*}filename=${folder}/disk ;;
  esac
  set -- "$@" "$arg"
done
exec '${real}' "$@"
`,
  );
  await chmod(path.join(folder, QEMU), 0o755);
  const { environment } = home;
  return { ...home, environment: { ...environment, PATH: `${folder}:${environment['PATH']}` } };
}
