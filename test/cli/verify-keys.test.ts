/** `verify --keys`: nothing but two files, on a machine that knows neither the author nor their feed. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { assertDocumented } from '../docs/documented.ts';
import { cli, errorOf, json } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { withHomes } from '../support/temp-home.ts';

describe('portalgun verify --keys', function () {
  this.timeout(120_000);

  it('checks a record of an author who has changed keys, without their feed and without an identity', () =>
    withHomes(2, async (author, anybody) => {
      await json(author, ['init']);
      await json(author, ['key', 'rotate', '--offline']);
      const [{ record }] = await json(author, ['publish', GRUB_RECIPE, '--offline']);
      const [file, keys] = ['record.json', 'keys.jsonl'].map((name) => path.join(anybody.folder, name));
      assert.ok(file && keys);
      const why = ['why', record, '--proof', file, '--keys', keys];
      const told = await json(author, why);
      assertDocumented(why, told);
      assert.equal(told.keyRecords.length, 2);
      const alone = await errorOf(anybody, ['verify', file], 3);
      assert.equal(alone.code, 'record/refused');
      assert.match(alone.hint, /--keys FILE/);
      const verified = await json(anybody, ['verify', file, '--keys', keys]);
      assertDocumented(['verify', file], verified);
      assert.equal(verified.record, record);
      assert.equal(verified.keys.records, 2);
      const { stdout } = await cli(anybody, ['verify', file, '--keys', keys]);
      assert.match(stdout, /^keys {7}2 records about them lead from the author id to ed25519:/m);
      // By what it was given alone: the author's own home does not know better.
      const opening = path.join(anybody.folder, 'opening.jsonl');
      await writeFile(opening, `${(await readFile(keys, 'utf8')).split('\n')[0]}\n`);
      assert.equal((await errorOf(author, ['verify', file, '--keys', opening], 3)).code, 'record/refused');
      await writeFile(opening, 'nonsense\n');
      assert.equal((await errorOf(author, ['verify', file, '--keys', opening], 3)).code, 'record/bad-key-records');
      assert.equal((await errorOf(author, ['verify', file, '--keys', `${keys}.not`], 2)).code, 'verify/unreadable');
    }));
});
