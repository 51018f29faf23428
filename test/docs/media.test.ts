/** docs/media.md, run as it stands: its media on files that are signed here, and its commands. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as openpgp from 'openpgp';
import { stringify } from 'yaml';
import { sha256 } from '../../src/crypto/digest.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { resolveRecipe } from '../../src/recipe/resolve.ts';
import type { CheckedRecipe, UrlFile } from '../../src/recipe/types.ts';
import { prepareMedia } from '../../src/workshop/media/index.ts';
import { patternOf } from './printed.ts';
import { cli, ROOT } from '../support/cli.ts';
import { needPrograms } from '../support/skip.ts';
import { withHomes } from '../support/temp-home.ts';
import { minisign, minisignKey, numbered, signify, signifyKey } from '../workshop/media/signing-tools.ts';
import { clearsign, day, fingerprint, makeKey, NOW, type TestKey } from '../workshop/media/test-archive.ts';
import { startHost, type TestHost } from '../workshop/media/test-host.ts';

const PAGE = await readFile(path.join(ROOT, 'docs/media.md'), 'utf8');
const ISO = randomBytes(300_000);

/** Each example as a recipe that a host on loopback can serve. */
function examples(host: string): CheckedRecipe[] {
  return [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, media = '']) =>
    parseRecipe(
      `recipe: 1\nname: example\nversion: 1.0.0\nmachine: { arch: x86_64, memory: 64M }\nsteps: [{ id: a, expect: { text: x } }]\n${media.replaceAll('https://HOST', `http://${host}`)}`,
    ),
  );
}

describe('docs/media.md', function () {
  this.timeout(60_000);
  let folder: string;
  let host: TestHost;

  before(async function () {
    needPrograms(this, 'signify-openbsd', 'minisign');
    folder = await mkdtemp(path.join(tmpdir(), 'pg-docs-media-'));
    host = await startHost();
  });
  after(async () => {
    await host?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const pathOf = (url: string): string => new URL(url).pathname;

  async function serveFedora(medium: UrlFile, key: TestKey): Promise<void> {
    const name = medium.url.split('/').at(-1);
    const list = `# ${name}: ${ISO.length} bytes\nSHA256 (${name}) = ${createHash('sha256').update(ISO).digest('hex')}\n`;
    host.files.set(pathOf(medium.url), ISO);
    host.files.set(pathOf(medium.checksums?.url ?? ''), await clearsign(list, [key], day(-1)));
  }

  it('shows media that are verified as it says, each by its own kind of signature', async () => {
    const [debian, fedora, openbsd, minisigned] = [
      await makeKey('debian'),
      await makeKey('fedora'),
      await signifyKey(),
      await minisignKey(),
    ];
    const keysDir = path.join(folder, 'keys');
    const manifest: object[] = [];
    await mkdir(keysDir);
    const addKey = async (name: string, kind: string, print: string, text: string | Buffer): Promise<void> => {
      const file = `${name}.${kind === 'openpgp' ? 'asc' : 'pub'}`;
      await writeFile(path.join(keysDir, file), text);
      manifest.push({ file, kind, fingerprint: print, owner: name, name });
    };
    await addKey('debian-cd', 'openpgp', fingerprint(debian), debian.public.armor());
    await addKey('fedora-42', 'openpgp', fingerprint(fedora), fedora.public.armor());
    await addKey('openbsd-73', 'signify', numbered('signify', openbsd).fingerprint, openbsd.public);
    await addKey('void', 'minisign', numbered('minisign', minisigned).fingerprint, minisigned.public);
    await writeFile(path.join(keysDir, 'manifest.yaml'), stringify({ manifest: 1, keys: manifest }));

    const recipes = examples(host.host);
    assert.equal(recipes.length, 4);
    for (const recipe of recipes) {
      const medium = recipe.recipe.media?.['iso'];
      assert(medium && 'url' in medium);
      const name = medium.url.split('/').at(-1);
      host.files.set(pathOf(medium.url), ISO);
      const { checksums, signature } = medium;
      if (medium.signed_by === 'fedora-42') await serveFedora(medium, fedora);
      else if (medium.signed_by === 'debian-cd') {
        const list = Buffer.from(`${createHash('sha512').update(ISO).digest('hex')}  ${name}\n`);
        const message = await openpgp.createMessage({ binary: list });
        const signed = await openpgp.sign({ message, signingKeys: debian.private, date: day(-1), detached: true });
        host.files.set(pathOf(checksums?.url ?? ''), list);
        host.files.set(pathOf(checksums?.signature ?? ''), String(signed));
      } else if (medium.signed_by === 'openbsd-73') {
        const list = Buffer.from(`SHA256 (${name}) = ${createHash('sha256').update(ISO).digest('hex')}\n`);
        host.files.set(pathOf(checksums?.url ?? ''), await signify(list, openbsd, true));
      } else host.files.set(pathOf(signature ?? ''), await minisign(ISO, minisigned, false));
      const media = await prepareMedia({
        recipe: resolveRecipe(recipe),
        recipeDir: folder,
        cacheDir: path.join(folder, `cache-${medium.signed_by}`),
        keysDir,
        clock: () => NOW,
      });
      assert.equal(media.iso?.sha256, sha256(ISO), medium.signed_by);
    }
  });

  it('shows commands that do what it says', async () => {
    await withHomes(1, async (home) => {
      const person = { environment: { ...home.environment, PORTALGUN_CACHE: path.join(home.folder, 'cache') } };
      const key = await makeKey('Fedora');
      const recipe = examples(host.host)[1];
      assert(recipe);
      const medium = recipe.recipe.media?.['iso'];
      assert(medium && 'url' in medium);
      await serveFedora(medium, key);
      await writeFile(path.join(home.folder, 'fedora.asc'), key.public.armor());
      await writeFile(path.join(home.folder, 'fedora.yaml'), recipe.source);
      const block = /^```console\n([\s\S]*?)^```/m.exec(PAGE)?.[1]?.replaceAll('FINGERPRINT', fingerprint(key)) ?? '';
      const commands = block.split(/^\$ /m).slice(1);
      assert.equal(commands.length, 8);
      for (const command of commands) {
        const [line = '', ...expected] = command.trimEnd().split('\n');
        const { stdout, stderr } = await cli(person, line.split(' ').slice(1), { cwd: home.folder });
        assert.match(stderr + stdout, patternOf(expected), line);
      }
    });
  });
});
