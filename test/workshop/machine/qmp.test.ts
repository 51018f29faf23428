import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { FailedError, InterruptedError } from '../../../src/errors.ts';
import { connectQmp, isObject } from '../../../src/workshop/machine/qmp.ts';
import type { Qmp } from '../../../src/workshop/machine/qmp.ts';

const GREETING = { QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 }, package: '' }, capabilities: [] } };

interface Command {
  readonly execute: string;
  readonly arguments?: unknown;
  readonly id: number;
}

/** The other side: greets, accepts the negotiation, and hands each further command to `answer`. */
async function connected(answer: (command: Command, side: Duplex) => void): Promise<{ qmp: Qmp; side: Duplex }> {
  const [ours, side] = duplexPair();
  side.setEncoding('utf8');
  side.on('data', (text: string) => {
    for (const line of text.trim().split('\n')) {
      const command: unknown = JSON.parse(line);
      assert.ok(isCommand(command));
      if (command.execute === 'qmp_capabilities') say(side, { return: {}, id: command.id });
      else answer(command, side);
    }
  });
  say(side, GREETING);
  return { qmp: await connectQmp(ours), side };
}

function isCommand(value: unknown): value is Command {
  return isObject(value) && typeof value['execute'] === 'string' && typeof value['id'] === 'number';
}

function say(side: Duplex, message: unknown): void {
  side.write(`${JSON.stringify(message)}\r\n`);
}

const withCode = (code: string) => (error: unknown) => error instanceof FailedError && error.code === code;

describe('the QMP client', () => {
  it('takes the version from the greeting and leaves negotiation', async () => {
    const { qmp } = await connected(() => undefined);
    assert.equal(qmp.version, '7.2.22');
  });

  it('gives each answer to its own question, in whatever order they come', async () => {
    const waiting: Command[] = [];
    const { qmp } = await connected((command, side) => {
      waiting.push(command);
      if (waiting.length === 2)
        for (const { id, execute } of waiting.toReversed()) say(side, { return: `to ${execute}`, id });
    });
    assert.deepEqual(await Promise.all([qmp.call('first'), qmp.call('second', { a: 1 })]), ['to first', 'to second']);
    assert.deepEqual(waiting[1]?.arguments, { a: 1 });
  });

  it('rejects what QEMU refuses, with its words, and goes on', async () => {
    const { qmp } = await connected(({ id, execute }, side) =>
      say(side, execute === 'bad' ? { error: { class: 'GenericError', desc: 'no such disk' }, id } : { return: 1, id }),
    );
    await assert.rejects(qmp.call('bad'), (error) => {
      assert.ok(withCode('machine/qmp-refused')(error));
      assert.match(String(error), /no such disk/);
      return true;
    });
    assert.equal(await qmp.call('good'), 1);
  });

  it('tells events, whole or in pieces, and waits for one', async () => {
    const { qmp, side } = await connected(() => undefined);
    const events: string[] = [];
    const stop = qmp.onEvent(({ event }) => events.push(event));
    const stopped = qmp.waitFor(({ event, data }) => event === 'STOP' && data['why'] === 'x');
    const text = JSON.stringify({ event: 'STOP', data: { why: 'x' } });
    say(side, { event: 'RESUME' });
    side.write(text.slice(0, 9));
    side.write(`${text.slice(9)}\n`);
    assert.deepEqual((await stopped).data, { why: 'x' });
    assert.deepEqual(events, ['RESUME', 'STOP']);
    stop();
    const later = qmp.waitFor(({ event }) => event === 'RESET');
    say(side, { event: 'RESET' });
    await later;
    assert.equal(events.length, 2);
  });

  it('does not wait for ever', async () => {
    const { qmp } = await connected(() => undefined);
    await assert.rejects(qmp.call('silence', undefined, { timeoutMs: 20 }), withCode('machine/qmp-timeout'));
  });

  it('stops waiting when it is told to', async () => {
    const { qmp } = await connected(() => undefined);
    const abort = new AbortController();
    const call = qmp.call('silence', undefined, { signal: abort.signal });
    abort.abort();
    await assert.rejects(call, InterruptedError);
    await assert.rejects(qmp.call('silence', undefined, { signal: abort.signal }), InterruptedError);
  });

  it('ends every pending and later call with the reason of the closing', async () => {
    const { qmp } = await connected(() => undefined);
    const calls = [qmp.call('a'), qmp.call('b'), qmp.waitFor(() => true)];
    const reason = new Error('power cut');
    qmp.close(reason);
    for (const call of [...calls, qmp.call('c')]) await assert.rejects(call, (error) => error === reason);
  });

  it('asks why when the other side hangs up', async () => {
    const [ours, side] = duplexPair();
    side.resume();
    const why = new Error('killed');
    const connecting = connectQmp(ours, {}, () => Promise.resolve(why));
    side.destroy();
    ours.destroy();
    await assert.rejects(connecting, (error) => error === why);
  });

  const garbage: readonly [string, string][] = [
    ['no JSON', 'hello?\n'],
    ['no object', '[1,2]\n'],
    ['an error that belongs to no command', '{"error":{"class":"GenericError","desc":"parse error"}}\n'],
    ['a line without end', 'x'.repeat(5 * 1024 * 1024)],
  ];
  for (const [what, bytes] of garbage) {
    it(`ends the connection that sends ${what}`, async () => {
      const { qmp, side } = await connected(() => undefined);
      const call = qmp.call('a');
      side.write(bytes);
      await assert.rejects(call, withCode('machine/qmp-protocol'));
    });
  }
});
