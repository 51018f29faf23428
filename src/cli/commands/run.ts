import path from 'node:path';
import { parseForwards, runImage } from '../../run/index.ts';
import { mediaSources } from '../../node/media-sources.ts';
import { openHome } from '../../node/home.ts';
import { startMachine } from '../../workshop/machine/index.ts';
import { prepareFirmware } from '../../workshop/media/index.ts';
import { examineHost } from '../../workshop/build/index.ts';
import type { Context } from '../context.ts';
import { note } from '../output.ts';

/** Everything the VM writes is forgotten at its end, unless --keep. */
export async function run(
  context: Context,
  image: string,
  flags: { keep?: boolean; forward?: string[] },
): Promise<undefined> {
  const { home, signal } = context;
  const forwards = parseForwards(flags.forward ?? []);
  await openHome(home);
  const host = await examineHost({ cacheDir: home.cacheDir, signal });
  const { ended } = await runImage({
    imagesDir: home.imagesDir,
    id: image,
    console: { input: context.stdin, output: context.stdout },
    keep: flags.keep ?? false,
    forwards,
    accelerator: host.accelerator,
    startMachine,
    firmware: async () => {
      const { code, variables } = await prepareFirmware({
        cacheDir: home.cacheDir,
        ...(await mediaSources(home)),
        clock: () => new Date(),
        signal,
      });
      return { code: code.path, variables: variables.path };
    },
    runtimeDir: path.join(home.runtime, 'run'),
    signal,
    onProgress: (what, detail) =>
      note(context, what === 'verifying' ? `verifying ${detail}` : `running ${image}; Ctrl-] leaves`),
  });
  note(
    context,
    ended === 'left' ? 'Left; the VM is off and forgotten.' : 'The guest is off; what it wrote is forgotten.',
  );
  return undefined;
}
