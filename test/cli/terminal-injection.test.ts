/** Threat 36: what a guest, a peer or a tool says must not speak to the person's terminal. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { contextFor } from '../../src/cli/context.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { harmless, jsonLine, note, printResult } from '../../src/cli/output.ts';
import { FailedError } from '../../src/errors.ts';

const EVIL = 'a\u001b[2Jb\u009b31mc\rd\u202ee\u0007f\u001b]0;title\u0007\u2028';
const FORBIDDEN = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

function printed(print: (context: ReturnType<typeof contextFor>) => void, json = false): string {
  const stream = new PassThrough();
  const streams = { stdin: new PassThrough(), stdout: stream, stderr: stream, environment: {} };
  print(contextFor(streams, { json, verbose: true }, new AbortController().signal));
  return String(stream.read() ?? '');
}

describe('threat 36: the terminal', () => {
  it('gets no control or direction character from an answer, a remark or a failure', () => {
    const error = new FailedError('test/evil', EVIL, { hint: EVIL, cause: new Error(EVIL) });
    for (const text of [
      printed((context) => printResult(context, {}, () => [EVIL, EVIL])),
      printed((context) => note(context, EVIL)),
      printed((context) => void reportFailure(context, error)),
    ]) {
      assert.doesNotMatch(text.replaceAll('\n', ''), FORBIDDEN);
      assert.match(text, /a·\[2Jb·31mc·d·e·f·\]0;title··/);
    }
  });

  it('gets JSON that says the same in other characters', () => {
    const text = printed((context) => printResult(context, { said: EVIL }, () => ''), true);
    assert.doesNotMatch(text.trimEnd(), FORBIDDEN);
    assert.deepEqual(JSON.parse(text), { said: EVIL });
    assert.deepEqual(JSON.parse(jsonLine({ tag: '\u{e0041}' })), { tag: '\u{e0041}' });
  });

  it('keeps colours of ours, line ends and tabs', () => {
    assert.equal(harmless('\u001b[31mred\u001b[0m\n\tx'), '\u001b[31mred\u001b[0m\n\tx');
  });
});
