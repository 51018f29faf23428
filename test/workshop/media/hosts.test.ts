/** Hosts are told once, whatever they are called. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tellNewHosts } from '../../../src/workshop/media/hosts.ts';

describe('the hosts that a cache has spoken to', () => {
  let cacheDir: string;
  beforeEach(async () => (cacheDir = await mkdtemp(join(tmpdir(), 'pg-hosts-'))));
  afterEach(() => rm(cacheDir, { recursive: true }));

  it('are told once each, also those with names that no file can have', async () => {
    const longest = `${'a.'.repeat(123)}example:65535`;
    const hosts = ['a.example', '[2001:db8::1]:8080', longest, `b${longest}`, 'x'.repeat(70_000)];
    const told: string[] = [];
    const tell = tellNewHosts(cacheDir, (host) => told.push(host));
    for (const host of [...hosts, ...hosts]) await tell(host);
    assert.deepEqual(told, hosts);
  });
});
