/**
 * Hosts of their own, on networks of their own: what loopback cannot show. The containers are those of
 * docker-compose.test.yml; the daemon is started here.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { skip } from '../support/grub.ts';
import { eventually } from '../support/node.ts';
import { startDocker, whyNoDocker, type Docker } from './docker.ts';
import { introduce, makeHost, seqAt, type Host } from './hosts.ts';
import { recipeNamed } from './recipes.ts';

describe('hosts on networks of their own', function () {
  this.timeout(300_000);
  let docker: Docker;
  let a: Host, b: Host;

  before(async function () {
    const why = whyNoDocker();
    if (why !== undefined) return skip(this, why);
    docker = await startDocker();
    await mkdir(path.join(docker.hosts, 'cache'));
    a = await makeHost(docker, { name: 'a', address: '/ip4/10.77.0.11/tcp/4001' });
    b = await makeHost(docker, { name: 'b', address: '/ip4/10.77.0.12/tcp/4001' });
    await introduce(a, [b], []);
    await introduce(b, [a], []);
    await docker.compose('up', '-d', 'a', 'b');
    for (const host of [a, b]) await host.up();
  });

  after(async () => {
    await docker?.stop();
  });

  it('sync a record', async () => {
    const { seq } = await a.call('publish.recipe', { yaml: recipeNamed('first') });
    await eventually(
      () => seqAt(b, a.author),
      (stored) => stored === seq,
    );
  });
});
