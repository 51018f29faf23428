import assert from 'node:assert/strict';
import type { Step } from '../../../src/recipe/types.ts';
import type { Observation } from '../../../src/workshop/provision/observer.ts';
import { playBlind, type Played } from '../../../src/workshop/provision/play.ts';
import { paperScreen } from './paper-machine.ts';

/** How long a look takes, milliseconds. */
const LOOK_MS = 50;

/** Blind steps at a machine that answers Enter after so long, or not at all; and how long that took. */
async function play(answersAfterMs: number, off = false): Promise<Played & { readonly tookMs: number }> {
  let now = 0;
  let typed = '';
  let enteredMs = Infinity;
  const answered = (): boolean => now - enteredMs >= answersAfterMs;
  const look = (): Promise<Observation> => {
    const loading = answered() && !off;
    const screen = paperScreen(loading ? ['Loading the kernel'] : [`boot: ${typed}`]);
    now += LOOK_MS;
    const frame = {
      width: 1,
      height: 1,
      rgb: new Uint8Array(3).fill(loading ? 1 : 0),
      sequence: now,
      capturedAtMs: now,
    };
    return Promise.resolve({
      frame,
      screen,
      serialLines: [],
      serialBytes: new Uint8Array(),
      events: off && answered() ? [{ type: 'shutdown', byGuest: true }] : [],
      requests: [],
      mark: { sentAtMs: -Infinity, screen: null, frame: null, serialBytes: 0, events: 0, requests: 0 },
      changedAtMs: 0,
      activeAtGuestMs: 0,
      current: true,
    });
  };
  const live: Parameters<typeof playBlind>[0] = {
    observer: { look, next: look, guestNow: () => now },
    typist: {
      press: (key) => {
        if (key === 'enter') enteredMs = now;
        else typed += key;
        return Promise.resolve();
      },
      type: () => Promise.reject(new Error('small letters only')),
    },
    pictures: () => Promise.reject(new Error('no pictures')) as never,
    hostFactor: 2,
  };
  const steps: Step[] = [
    { id: 'boot', expect: { still: '2s' } },
    { id: 'boot-2', do: [{ type: 'go' }, { key: 'enter' }], expect: { still: '3s' } },
  ];
  const { signal } = new AbortController();
  const played = await playBlind(live, steps, () => undefined, signal);
  return { ...played, tookMs: now };
}

describe('blind steps, played once', () => {
  it('wait for what the last key does longer than the other tool slept, where nothing shows of it', async () => {
    const { recording, done } = await play(45_000);
    assert.equal(done, 2);
    assert.deepEqual(
      recording.inputs.map(({ input }) => input),
      [{ char: 'g' }, { char: 'o' }, { key: 'enter' }],
    );
    const last = recording.inputs.at(-1)?.seen.at(-1);
    assert.equal(last?.screen.lines[0]?.trim(), 'Loading the kernel');
    assert.ok(last.untilMs - last.fromMs >= 1_000, 'and until that rests');
  });

  it('do not wait for ever, and say what they saw', async () => {
    const { recording, done, tookMs } = await play(Infinity);
    assert.equal(done, 2);
    assert.equal(recording.inputs.at(-1)?.seen.at(-1)?.screen.lines[0]?.trim(), 'boot: go');
    assert.ok(tookMs < 120_000, `${tookMs} ms`);
  });

  it('are done where the machine goes off at last', async () => {
    const { recording } = await play(45_000, true);
    assert.equal(recording.off, true);
  });
});
