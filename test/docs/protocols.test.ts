/** docs/protocols.md names every protocol that a node answers, its messages, and a page with numbered rules for it. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT } from '../support/cli.ts';

const EXCHANGE = path.join(ROOT, 'src/exchange/p2p');

describe('docs/protocols.md', () => {
  interface Row {
    readonly protocol: string;
    readonly messages: string;
    readonly page: string;
  }
  let rows: readonly Row[];

  before(async () => {
    const text = await readFile(path.join(ROOT, 'docs/protocols.md'), 'utf8');
    const row = /^\| `(\/portalgun\/[^`]+)` \| \[`([\w-]+\.proto)`\][^|]*\| \[([\w-]+\.md)\]/gm;
    rows = [...text.matchAll(row)].map(([, protocol = '', messages = '', page = '']) => ({ protocol, messages, page }));
  });

  it('names every protocol of this version, and no other', async () => {
    const files = (await readdir(EXCHANGE, { recursive: true })).filter((name) => name.endsWith('.ts'));
    const found = new Set<string>();
    for (const file of files) {
      const text = await readFile(path.join(EXCHANGE, file), 'utf8');
      // The DHT's is libp2p's own, under our prefix (docs/networks.md).
      for (const [, id = ''] of text.matchAll(/_PROTOCOL = '(\/portalgun\/[^']+)'/g))
        if (!id.includes('/kad/')) found.add(id);
    }
    assert.ok(found.size > 5);
    assert.deepEqual(new Set(rows.map(({ protocol }) => protocol)), found);
  });

  it('gives the file of its messages, and every such file a protocol', async () => {
    for (const { protocol, messages } of rows) {
      const text = await readFile(path.join(ROOT, 'proto', messages), 'utf8');
      if (!protocol.includes('group')) assert.ok(text.includes(protocol), `${messages} does not say ${protocol}`);
    }
    // What travels inside of messages, and what any of them may answer.
    const parts = ['record.proto', 'refusal.proto'];
    const all = (await readdir(path.join(ROOT, 'proto'))).filter((name) => name.endsWith('.proto'));
    assert.deepEqual(new Set([...rows.map(({ messages }) => messages), ...parts]), new Set(all));
  });

  it('leads to a page that says step by step what is checked', async () => {
    for (const { protocol, page } of rows) {
      const text = await readFile(path.join(ROOT, 'docs', page), 'utf8');
      assert.ok(text.includes(protocol), `${page} does not say ${protocol}`);
      assert.ok((text.match(/^\d+\. /gm) ?? []).length >= 4, `${page} has no numbered rules`);
    }
  });
});
