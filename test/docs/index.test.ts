/** docs/README.md leads to every page, and links between pages lead somewhere. */
import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT } from '../support/cli.ts';

const DOCS = path.join(ROOT, 'docs');

const linksIn = async (page: string): Promise<string[]> => {
  const text = await readFile(path.join(DOCS, page), 'utf8');
  return [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^https?:/.test(link));
};

describe('the documentation', () => {
  it('has an index of every page', async () => {
    const pages = (await readdir(DOCS)).filter((name) => name.endsWith('.md') && name !== 'README.md');
    assert.ok(pages.length > 8);
    assert.deepEqual((await linksIn('README.md')).sort(), [...pages, 'decisions/README.md'].sort());
  });

  it('links to files that are there', async () => {
    const pages = (await readdir(DOCS, { recursive: true })).filter((name) => name.endsWith('.md'));
    for (const page of pages) {
      for (const link of await linksIn(page)) await access(path.join(DOCS, path.dirname(page), link));
    }
  });
});
