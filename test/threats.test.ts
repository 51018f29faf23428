/** docs/threats.md says which test shows that an attack is survived: each of them must be there, and name it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..');
const HIGHEST = 40;

describe('docs/threats.md', () => {
  interface Row {
    readonly threat: number;
    readonly shownBy: string;
  }
  let rows: readonly Row[];

  before(async () => {
    const text = await readFile(path.join(ROOT, 'docs/threats.md'), 'utf8');
    rows = [...text.matchAll(/^\| *(\d+) *\|.*\|([^|]+)\|$/gm)].map(([, threat, shownBy]) => ({
      threat: Number(threat),
      shownBy: (shownBy ?? '').trim(),
    }));
  });

  it('has one line for each threat, in order', () => {
    assert.deepEqual(
      rows.map(({ threat }) => threat),
      Array.from({ length: HIGHEST }, (_, index) => index + 1),
    );
  });

  it('names for each a test that says which threat it is about, or says what is to come', async () => {
    for (const { threat, shownBy } of rows) {
      const files = [...shownBy.matchAll(/`(test\/[a-z0-9/-]+\.test\.ts)`/g)].map(([, file]) => file ?? '');
      assert.ok(files.length > 0 || /^later: \S/.test(shownBy), `threat ${threat}: ${shownBy}`);
      for (const file of files) {
        const text = await readFile(path.join(ROOT, file), 'utf8');
        assert.match(text, new RegExp(`threat ${threat}\\b`, 'i'), `${file} does not say "threat ${threat}"`);
      }
    }
  });
});
