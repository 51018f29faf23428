/** docs/limits.md has every limit of the network's edge, and the test that it names for it is there. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as limits from '../../src/exchange/p2p/limits.ts';
import { ROOT } from '../support/cli.ts';
import { code, rowsOf } from './documented.ts';

const PAGE = await readFile(path.join(ROOT, 'docs/limits.md'), 'utf8');

describe('docs/limits.md', () => {
  it('names every limit of the network’s edge once, and none that there is not', () => {
    const listed = PAGE.split('\n').filter((line) => /^`[A-Z_]+` ·/.test(line));
    const names = [
      ...rowsOf('limit', PAGE).map(([name]) => code(name)),
      ...listed.flatMap((line) => [...line.matchAll(/`([A-Z_]+)`/g)].map(([, name = '']) => name)),
    ];
    assert.deepEqual(names.toSorted(), Object.keys(limits).toSorted());
  });

  for (const [name = '', , test = ''] of rowsOf('limit', PAGE).filter((row) => /^`[a-z-]+`: /.test(row[2] ?? ''))) {
    it(`says of ${code(name)} which test holds a peer to it`, async () => {
      const [, file = '', title = ''] = /^`([a-z-]+)`: (.+)$/.exec(test) ?? [];
      const source = await readFile(path.join(ROOT, `test/exchange/p2p/${file}.test.ts`), 'utf8');
      assert.ok(source.includes(title), `${file}.test.ts has no "${title}"`);
    });
  }

  it('leaves no limit that others meet without a test', () => {
    const met = PAGE.slice(PAGE.indexOf('## What others meet'), PAGE.indexOf('## What a library'));
    for (const row of rowsOf('limit', met)) assert.match(row[2] ?? '', /^`[a-z-]+`: \S/, row.join(' | '));
  });
});
