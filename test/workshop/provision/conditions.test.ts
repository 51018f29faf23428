import assert from 'node:assert/strict';
import type { Condition } from '../../../src/recipe/types.ts';
import { evaluate, nearestTo, ownTimeoutMs, showsAnything } from '../../../src/workshop/provision/conditions.ts';
import type { Observation } from '../../../src/workshop/provision/observer.ts';
import { COLUMNS, paperScreen, ROWS } from './paper-machine.ts';
import { reader } from './paper-run.ts';

const picture = (sequence: number) => ({
  width: COLUMNS,
  height: ROWS,
  rgb: new Uint8Array(COLUMNS * ROWS * 3).fill(sequence),
  sequence,
  capturedAtMs: 100,
});

function look(lines: readonly string[], rest: Partial<Observation> = {}): Observation {
  return {
    frame: picture(2),
    screen: paperScreen(lines),
    serialLines: [],
    serialBytes: new Uint8Array(),
    events: [],
    requests: [],
    mark: { sentAtMs: 0, screen: null, frame: null, serialBytes: 0, events: 0, requests: 0 },
    changedAtMs: 0,
    activeAtGuestMs: 0,
    current: true,
    ...rest,
  };
}

const met = (condition: Condition, seen: Observation, fresh = false, nowMs = 1_000) =>
  evaluate(condition, seen, { reader, fresh, durationMs: (text) => Number.parseInt(text, 10), nowMs }).met;

describe('conditions', () => {
  it('finds text, and says where and by which eye', () => {
    const verdict = evaluate({ text: 'login:' }, look(['', 'host login: ']), {
      reader,
      fresh: false,
      durationMs: Number,
      nowMs: 0,
    });
    assert.deepEqual(verdict, { met: true, eye: 'paper', where: { row: 1, column: 5, length: 6 } });
  });

  it('calls a text stale that was there before the input, where something new is wanted', () => {
    const seen = look(['login:'], {
      mark: { sentAtMs: 0, screen: paperScreen(['login:']), frame: picture(1), serialBytes: 0, events: 0, requests: 0 },
    });
    assert.equal(met({ text: 'login:' }, seen, false), true);
    const verdict = evaluate({ text: 'login:' }, seen, { reader, fresh: true, durationMs: Number, nowMs: 0 });
    assert.deepEqual(verdict, { met: false, eye: 'paper', stale: true });
  });

  it('is gone when it is nowhere, new or old', () => {
    const mark = {
      sentAtMs: 0,
      screen: paperScreen(['Please wait']),
      frame: picture(1),
      serialBytes: 0,
      events: 0,
      requests: 0,
    };
    assert.equal(met({ gone: { text: 'Please wait' } }, look(['Please wait'], { mark }), true), false);
    assert.equal(met({ gone: { text: 'Please wait' } }, look(['Done'], { mark }), true), true);
  });

  it('is still after the time it names without a change or an input', () => {
    assert.equal(met({ still: '500ms' }, look([], { changedAtMs: 600 })), false);
    assert.equal(met({ still: '500ms' }, look([], { changedAtMs: 400 })), true);
    const mark = { sentAtMs: 900, screen: null, frame: null, serialBytes: 0, events: 0, requests: 0 };
    assert.equal(met({ still: '500ms' }, look([], { changedAtMs: 0, mark })), false);
  });

  it('has changed when the screen is not that of the input any more', () => {
    const mark = { sentAtMs: 0, screen: paperScreen(['a']), frame: picture(1), serialBytes: 0, events: 0, requests: 0 };
    assert.equal(met({ changed: true }, look(['b'], { mark, frame: picture(2) })), true);
    assert.equal(met({ changed: true }, look(['a'], { mark, frame: picture(1) })), false);
  });

  it('counts only events since the last input', () => {
    const events = [{ type: 'reset' as const }];
    const mark = { sentAtMs: 0, screen: null, frame: null, serialBytes: 0, events: 1, requests: 0 };
    assert.equal(met({ event: 'reset' }, look([], { events })), true);
    assert.equal(met({ event: 'reset' }, look([], { events, mark })), false);
    assert.equal(met({ event: 'shutdown' }, look([], { events })), false);
  });

  it('knows what the guest has fetched whole, after an input only what came then', () => {
    const requests = [
      { outcome: 'served', host: '10.0.2.2', what: 'a.cfg' },
      { outcome: 'missing', host: '10.0.2.2', what: 'b.cfg' },
    ] as const;
    const mark = { sentAtMs: 0, screen: null, frame: null, serialBytes: 0, events: 0, requests: 1 };
    assert.equal(met({ fetched: 'a.cfg' }, look([], { requests, mark })), true);
    assert.equal(met({ fetched: 'a.cfg' }, look([], { requests, mark }), true), false);
    assert.equal(met({ fetched: 'b.cfg' }, look([], { requests })), false);
  });

  it('reads the serial line without its escape sequences, and after an input only what is new', () => {
    const serialBytes = Buffer.from('\u001b[1mlogin:\u001b[0m alice\r\nWelcome\r\n');
    const mark = { sentAtMs: 0, screen: null, frame: null, serialBytes: 20, events: 0, requests: 0 };
    assert.equal(met({ serial: 'login: alice' }, look([], { serialBytes })), true);
    assert.equal(met({ serial: { regex: '^Wel.*e$' } }, look([], { serialBytes, mark }), true), true);
    assert.equal(met({ serial: 'login:' }, look([], { serialBytes, mark }), true), false);
  });

  it('finds on the serial terminal what was drawn in pieces', () => {
    assert.equal(met({ serial: 'Select' }, look([], { serialLines: ['  Select a language'] })), true);
  });

  it('combines by any, all and not', () => {
    const seen = look(['one two']);
    assert.equal(met({ any: [{ text: 'three' }, { text: 'two' }] }, seen), true);
    assert.equal(met({ all: [{ text: 'one' }, { text: 'three' }] }, seen), false);
    assert.equal(met({ all: [{ text: 'one' }, { not: { text: 'three' } }] }, seen), true);
    assert.equal(met({ not: { text: 'one' } }, seen), false);
  });

  it('takes its own timeout, else the longest inside', () => {
    const ms = (text: string) => Number.parseInt(text, 10) * 1000;
    assert.equal(ownTimeoutMs({ text: 'a' }, ms), undefined);
    assert.equal(
      ownTimeoutMs(
        {
          any: [
            { text: 'a', timeout: '5s' },
            { text: 'b', timeout: '9s' },
          ],
        },
        ms,
      ),
      9_000,
    );
    assert.equal(ownTimeoutMs({ any: [{ text: 'a', timeout: '5s' }], timeout: '2s' }, ms), 2_000);
  });

  it('names the nearest lines, each once', () => {
    const screen = paperScreen(['Select a tongue', 'Cancel']);
    const condition: Condition = { any: [{ text: 'Select a language' }, { text: 'Select a tongue' }] };
    const near = nearestTo(condition, screen, reader, 5);
    assert.deepEqual(near[0], { line: 'Select a tongue', row: 0, similarity: 1 });
    assert.equal(near.filter(({ row }) => row === 0).length, 1);
  });

  it('knows whether anything that it speaks of shows', () => {
    const how = { reader, fresh: true, durationMs: Number, nowMs: 0 };
    assert.equal(showsAnything({ gone: { text: 'wait' } }, look(['wait']), how), true);
    assert.equal(showsAnything({ all: [{ text: 'a' }, { still: '1s' }] }, look(['xyz']), how), false);
  });
});
