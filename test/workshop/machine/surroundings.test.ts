/** A program that finds itself on another host than this one. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { UnavailableError } from '../../../src/errors.ts';
import { canSurround, surround } from '../../../src/workshop/machine/surroundings.ts';

describe('surroundings', () => {
  const path = process.env['PATH'];
  afterEach(() => {
    process.env['PATH'] = path;
  });
  const seen = async (wanted: Parameters<typeof surround>[1]): Promise<string> => {
    const { program, args } = await surround({ program: '/bin/sh', args: ['-c', 'echo $(nproc) $(uname -n)'] }, wanted);
    return (await promisify(execFile)(program, args)).stdout.trim();
  };

  it('are one processor and, where this host lets it, another name', async () => {
    const can = await canSurround();
    assert.ok(can.cpu);
    const [, first] = /^Cpus_allowed_list:\s*(\d+)/m.exec(await readFile('/proc/self/status', 'utf8')) ?? [];
    const wanted = { cpu: Number(first), ...(can.hostName && { hostName: 'elsewhere' }) };
    assert.equal(await seen(wanted), `1 ${can.hostName ? 'elsewhere' : hostname()}`);
    assert.equal((await seen({})).split(' ')[1], hostname());
  });

  it('that cannot be had are known before, and said with what is missing', async () => {
    process.env['PATH'] = '/nonexistent';
    assert.deepEqual(await canSurround(), { cpu: false, hostName: false });
    await assert.rejects(surround({ program: '/bin/sh', args: [] }, { cpu: 0 }), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.deepEqual(
        [error.code, error.message, error.hint],
        ['machine/no-surroundings', 'taskset is not installed', 'apt-get install util-linux'],
      );
      return true;
    });
    assert.deepEqual(await surround({ program: '/bin/sh', args: [] }, {}), { program: '/bin/sh', args: [] });
  });
});
