/** The import walls are promises (docs/house.md): each is shown to fail when somebody breaks it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..');

const BREACHES: readonly (readonly [file: string, specifier: string])[] = [
  ['src/workshop/provision/breach.ts', '../../exchange/store/types.ts'],
  ['src/workshop/image/breach.ts', 'libp2p'],
  ['src/exchange/p2p/breach.ts', '../../workshop/image/types.ts'],
  ['src/exchange/p2p/sync/breach.ts', '../libp2p/wire.ts'],
  ['src/exchange/p2p/sync/breach.ts', '../../../workshop/image/types.ts'],
  ['src/exchange/p2p/protocols/breach.ts', '@libp2p/interface'],
  ['src/exchange/store/breach.ts', '../../workshop/machine/types.ts'],
  ['src/exchange/record/breach.ts', 'node:fs/promises'],
  ['src/exchange/trust/breach.ts', '../store/types.ts'],
  ['src/exchange/reconcile/breach.ts', 'node:net'],
  ['src/exchange/reconcile/breach.ts', '../p2p/types.ts'],
  ['src/recipe/breach.ts', '../workshop/media/types.ts'],
  ['src/recipe/breach.ts', 'node:fs'],
  ['src/crypto/breach.ts', '../exchange/record/types.ts'],
  ['src/picture/breach.ts', 'node:fs/promises'],
  ['src/picture/breach.ts', '../workshop/screen/types.ts'],
  ['src/run/breach.ts', '../exchange/p2p/types.ts'],
  ['src/run/breach.ts', '../workshop/provision/types.ts'],
  ['src/node/breach.ts', '../cli/context.ts'],
  ['src/workshop/machine/breach.ts', '../../cli/context.ts'],
];

describe('the import walls', function () {
  this.timeout(60_000);
  let copy: string;

  before(async () => {
    copy = await mkdtemp(path.join(tmpdir(), 'pg-walls-'));
    await cp(path.join(ROOT, '.oxlintrc.json'), path.join(copy, '.oxlintrc.json'));
  });
  after(() => rm(copy, { recursive: true, force: true }));

  for (const [file, specifier] of BREACHES) {
    it(`refuse ${specifier} in ${path.dirname(file)}/`, async () => {
      const target = path.join(copy, file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, `import * as breach from '${specifier}';\nexport const value: unknown = breach;\n`);
      try {
        await assert.rejects(lint(copy, file), (error: { stdout?: string }) => /Wall: /.test(error.stdout ?? ''));
      } finally {
        await rm(target);
      }
    });
  }

  it('stand in the tree as it is', async () => {
    await lint(ROOT, 'src');
  });
});

async function lint(cwd: string, what: string): Promise<void> {
  await run(path.join(ROOT, 'node_modules/.bin/oxlint'), ['-c', path.join(cwd, '.oxlintrc.json'), what], { cwd });
}
