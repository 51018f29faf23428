/** The lock travels with the recipe, and must be of that recipe on both ends. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { sha256 } from '../../src/crypto/digest.ts';
import { recipeDraft } from '../../src/exchange/record/index.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { runOperation } from '../../src/node/operations/index.ts';
import { openSession, type Session, signerOf } from '../../src/node/session.ts';
import { formatLock, mediaDigest, parseRecipe } from '../../src/recipe/index.ts';
import type { Lock } from '../../src/recipe/types.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const signal = new AbortController().signal;

describe('the lock of a published recipe', function () {
  this.timeout(30_000);
  let test: TestHome;
  let session: Session;
  let yaml: string;
  let lock: Lock;
  before(async () => {
    test = await tempHome();
    await openHome(test.home);
    await createIdentity(test.home);
    session = await openSession(test.home);
    yaml = await readFile(GRUB_RECIPE, 'utf8');
    const line = {
      package: 'grub-rescue-pc',
      version: '2.06-13',
      architecture: 'amd64',
      sha256: sha256('deb').slice(7),
      sizeBytes: 3,
      signedBy: 'A'.repeat(40),
    };
    lock = { lock: 1, of: mediaDigest(parseRecipe(yaml, GRUB_RECIPE).recipe), media: { iso: [line] } };
  });
  after(async () => {
    await session?.close();
    await test.remove();
  });

  it('is not published where it was made for other media, or is none', async () => {
    const stale = formatLock({ ...lock, of: sha256('other media') });
    await assert.rejects(runOperation(session, 'publish.recipe', { yaml, lockYaml: stale }, signal), {
      code: 'publish/lock-stale',
      exitCode: 2,
    });
    await assert.rejects(runOperation(session, 'publish.recipe', { yaml, lockYaml: 'lock: 2\n' }, signal), {
      code: 'recipe/invalid-lock',
    });
  });

  it('comes with the recipe as it was published', async () => {
    await runOperation(session, 'publish.recipe', { yaml, lockYaml: formatLock(lock) }, signal);
    const got = await runOperation(session, 'recipe.get', { recipe: 'me/grub-rescue' }, signal);
    assert.equal((got as { lockYaml: string }).lockYaml, formatLock(lock));
  });

  it('is refused with the recipe where its author published one that is of other media, or is none', async () => {
    const { recipe, digest } = parseRecipe(yaml, GRUB_RECIPE);
    const { name, version } = recipe;
    for (const lockYaml of [formatLock({ ...lock, of: sha256('other media') }), 'lock: 1\n']) {
      await session.store.append(
        await signerOf(session),
        'public',
        recipeDraft({ name, version, digest, yaml, lockYaml }),
      );
      await assert.rejects(runOperation(session, 'recipe.get', { recipe: 'me/grub-rescue' }, signal), {
        code: 'recipe/wrong-lock',
        exitCode: 3,
      });
    }
  });
});
