/** What a person reads when a file that they named cannot be read: what the system said of it, in words. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cli } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

describe('a file that cannot be read', () => {
  let test: TestHome;
  before(async () => {
    test = await tempHome();
    await writeFile(path.join(test.folder, 'file'), 'x');
  });
  after(() => test.remove());

  const CASES: readonly (readonly [name: string, hint: RegExp])[] = [
    ['nothing', /There is nothing of that name/],
    ['file/inside', /is a file and no folder/],
    ['.', /It is a folder/],
  ];
  for (const [name, hint] of CASES) {
    it(`says why: ${hint.source}`, async () => {
      const file = path.join(test.folder, name);
      const plain = await cli(test, ['recipe', 'lint', file]);
      assert.equal(plain.code, 2);
      assert.match(plain.stderr, hint);
      assert.ok(plain.stderr.startsWith(`error: cannot read ${file}\n`));
      const { stdout } = await cli(test, ['recipe', 'lint', file, '--json']);
      assert.match(JSON.parse(stdout).error.hint, hint);
    });
  }
});
