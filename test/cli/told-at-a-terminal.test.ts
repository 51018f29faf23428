/** How a failure is told at a terminal of 80 columns, and without one. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { mendLines } from '../../src/cli/commands/doctor.ts';
import { contextFor } from '../../src/cli/context.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { note } from '../../src/cli/output.ts';
import { FailedError } from '../../src/errors.ts';

const LONG = 'what happened to it is a long story, and it takes many more words than there is room for in one line';
const COMMAND = `sudo apt-get install -y --no-install-recommends ${'a-package-of-a-long-name '.repeat(3).trim()}`;

function told(error: Error, terminal: object): string[] {
  const stderr = Object.assign(new PassThrough(), terminal);
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, environment: { NO_COLOR: '1' } };
  reportFailure(contextFor(streams, { verbose: true }, new AbortController().signal), error);
  return String(stderr.read()).trimEnd().split('\n');
}

describe('a failure', () => {
  const error = new FailedError('test/long', `${LONG}:\n  first.yaml:1:1: ${LONG}`, {
    hint: LONG,
    cause: new Error(LONG),
  });

  it('is broken at blanks to fit into the terminal', () => {
    const lines = told(error, { isTTY: true, columns: 80 });
    assert.deepEqual(told(error, { isTTY: true, columns: 0 }), lines, 'a terminal without a size');
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.match(lines[0] ?? '', /^error: what happened/);
    const words = lines.map((line) => line.trim()).join(' ');
    for (const line of [`error: ${LONG}:`, `first.yaml:1:1: ${LONG}`, `because: ${LONG}`])
      assert.ok(words.includes(line), line);
  });

  it('is not broken where no terminal is, nor a command that is to be copied', () => {
    const lines = [`error: ${LONG}:`, `  first.yaml:1:1: ${LONG}`, `  ${LONG}`, `  because: ${LONG}`];
    assert.deepEqual(told(error, {}), lines);
    const missing = new FailedError('test/missing', 'it is missing', { hint: COMMAND });
    assert.deepEqual(told(missing, { isTTY: true, columns: 80 }), ['error: it is missing', `  ${COMMAND}`]);
  });
});

describe('a remark', () => {
  it('is broken at blanks too, and not where no terminal is', () => {
    const remark = (terminal: object): string => {
      const stderr = Object.assign(new PassThrough(), terminal);
      const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, environment: {} };
      note(contextFor(streams, {}, new AbortController().signal), LONG);
      return String(stderr.read());
    };
    assert.equal(remark({}), `${LONG}\n`);
    const lines = remark({ isTTY: true, columns: 80 }).trimEnd().split('\n');
    assert.ok(lines.length > 1 && lines.every((line) => line.length <= 80));
    assert.equal(lines.map((line) => line.trim()).join(' '), LONG);
  });
});

describe('what doctor says to mend', () => {
  it('has a line of its own where it does not fit beside what is missing', () => {
    const missing = { what: 'qemu-system-x86_64', state: 'missing', detail: '' } as const;
    assert.deepEqual(mendLines([{ ...missing, mend: 'npm install' }], 80), ['  qemu-system-x86_64: npm install']);
    assert.deepEqual(mendLines([{ ...missing, mend: COMMAND }, missing], 80), [
      '  qemu-system-x86_64:',
      `    ${COMMAND}`,
    ]);
    assert.deepEqual(mendLines([{ ...missing, mend: COMMAND }], Infinity), [`  qemu-system-x86_64: ${COMMAND}`]);
  });
});
