/** How a running build is told at a terminal. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { buildProgress } from '../../src/cli/build-progress.ts';
import { contextFor } from '../../src/cli/context.ts';
import type { BuildEvent } from '../../src/workshop/provision/types.ts';

/** What each event alone makes a terminal show. */
function shownAt(terminal: object, events: readonly BuildEvent[]): string[] {
  const stdout = Object.assign(new PassThrough(), terminal);
  const streams = { stdin: new PassThrough(), stdout, stderr: stdout, environment: { NO_COLOR: '1' } };
  const tell = buildProgress(contextFor(streams, {}, new AbortController().signal), false);
  return events.map((event) => {
    tell(event);
    return String(stdout.read() ?? '');
  });
}

describe('the bar of what takes long', () => {
  const measuring: BuildEvent = { event: 'progress', atMs: 0, what: 'measuring', done: 1, total: 4 };
  const asked: BuildEvent = { event: 'repair-asked', atMs: 0, step: 'first-login', source: 'you' };
  const passedOver: BuildEvent = {
    event: 'patch-passed-over',
    atMs: 0,
    step: 'first-login',
    record: `sha256:${'0'.repeat(64)}`,
    reason: 'policy says never',
  };
  const answered: BuildEvent = {
    event: 'repair',
    atMs: 0,
    step: 'first-login',
    source: 'you',
    answer: 'retry',
    summary: 'try again',
  };
  const again: BuildEvent = { event: 'step-start', atMs: 0, step: 'first-login', index: 0, of: 1, try: 1 };

  it('is drawn at a terminal alone', () => {
    assert.match(shownAt({ isTTY: true }, [measuring])[0] ?? '', /\[#####\.{15}\] 25 % measuring/);
    assert.deepEqual(shownAt({}, [measuring]), ['']);
  });

  it('draws nothing over what a person is asked, or over the machine that they work in, until they are done', () => {
    for (const done of [answered, again]) {
      const events: readonly BuildEvent[] = [measuring, asked, measuring, passedOver, measuring, done, measuring];
      const bars: readonly boolean[] = shownAt({ isTTY: true }, events).map((text) => text.includes('% measuring'));
      assert.deepEqual(bars, [true, false, false, false, false, false, true], done.event);
    }
  });
});
