import assert from 'node:assert/strict';
import { FailedError, UsageError } from '../../../src/errors.ts';
import { typeText } from '../../../src/workshop/input/typing.ts';
import { seeded } from '../../support/random.ts';
import { simulatedTerminal } from './simulated-terminal.ts';
import type { Simulated } from './simulated-terminal.ts';

function randomText(length: number, seed: number): string {
  const random = seeded(seed);
  const words = Array.from({ length }, () =>
    random() < 0.15 ? ' ' : String.fromCharCode(0x21 + Math.floor(random() * 94)),
  ).join('');
  return `x${words.slice(2)}x`;
}

function type(terminal: Simulated, text: string, options: object = {}) {
  const { machine, eyes, clock } = terminal;
  return typeText({ machine, eyes, clock, text, ...options });
}

describe('typing with echo', () => {
  it('types 500 characters exactly, and none twice, where nothing is lost', async () => {
    const text = randomText(500, 1);
    const terminal = simulatedTerminal();
    assert.deepEqual(await type(terminal, text), { retyped: 0 });
    assert.equal(terminal.text(), text);
  });

  it('never has more than four characters in flight', async () => {
    const terminal = simulatedTerminal();
    await type(terminal, randomText(100, 2).replaceAll(' ', '-'));
    assert.ok(terminal.mostInFlight() <= 4, `${terminal.mostInFlight()}`);
  });

  for (const seed of [12, 45]) {
    it(`types exactly over a keyboard that drops, doubles and delays one event in ten (seed ${seed})`, async () => {
      const text = randomText(60, seed);
      const terminal = simulatedTerminal({ columns: 40, drop: 0.1, double: 0.1, delay: 0.1, seed });
      const { retyped } = await type(terminal, text);
      assert.equal(terminal.text(), text);
      assert.ok(retyped > 0);
      assert.deepEqual(
        terminal.down().filter((key) => key === 'shift'),
        [],
      );
    });
  }

  it('types on another layout than ours, over the same bad keyboard', async () => {
    const text = 'z="Größe/{x|y}@[€]" & ~/y-z\\Z;';
    const terminal = simulatedTerminal({ columns: 60, layout: 'de', drop: 0.05, double: 0.05, delay: 0.05, seed: 3 });
    const { retyped } = await type(terminal, text, { layout: 'de' });
    assert.equal(terminal.text(), text);
    assert.ok(retyped > 0);
    assert.deepEqual(
      terminal.down().filter((key) => key === 'shift' || key === 'alt_r'),
      [],
    );
  });

  it('does not take a guest with another layout for one that it knows', async () => {
    const terminal = simulatedTerminal({ layout: 'de' });
    await assert.rejects(
      type(terminal, 'lazy', { layout: 'us' }),
      (error) => error instanceof FailedError && error.code === 'input/cannot-type',
    );
  });

  it('finds its text after the screen has scrolled', async () => {
    const text = randomText(150, 4);
    const terminal = simulatedTerminal({ columns: 40, rows: 4, lines: ['one', 'two', 'three', '$ '] });
    await type(terminal, text);
    assert.equal(terminal.text(), text);
  });

  it('mends what went wrong on a line that wraps and scrolls', async () => {
    const text = randomText(80, 5);
    const terminal = simulatedTerminal({
      columns: 30,
      rows: 5,
      lines: ['a', 'b', '# '],
      drop: 0.03,
      double: 0.03,
      seed: 5,
    });
    await type(terminal, text);
    assert.equal(terminal.text(), text);
  });

  it('is not confused by a clock elsewhere on the screen', async () => {
    const text = randomText(80, 6);
    const terminal = simulatedTerminal({ lines: ['', '', '# '], clock: true, drop: 0.02, seed: 6 });
    await type(terminal, text);
    assert.equal(terminal.text(), text);
  });

  it('keeps runs of blanks exact, because what follows them has its place', async () => {
    const text = 'a  b   c          d e';
    const terminal = simulatedTerminal({ drop: 0.05, double: 0.05, seed: 7 });
    await type(terminal, text);
    assert.equal(terminal.text(), text);
  });

  it('clears a field that is filled already, and nothing before it', async () => {
    const terminal = simulatedTerminal({ lines: ['Hostname: '], prefilled: 'debian host' });
    await type(terminal, 'portal', { clear: true });
    assert.equal(terminal.text(), 'portal');
    assert.ok(terminal.screen().lines[0]?.startsWith('Hostname: portal '));
  });

  it('fails where the screen shows nothing of it, and does not tell what it was', async () => {
    const terminal = simulatedTerminal({ shows: () => null });
    await assert.rejects(type(terminal, 'hunter2'), (error) => {
      assert.ok(error instanceof FailedError && error.code === 'input/not-echoed');
      assert.ok(!JSON.stringify([error.message, error.hint, error.facts]).includes('hunter2'));
      return true;
    });
  });

  it('fails where the field hides what is typed, and says what to do', async () => {
    const terminal = simulatedTerminal({ shows: () => '*' });
    await assert.rejects(type(terminal, 'hunter2'), (error) => {
      assert.ok(error instanceof FailedError && error.code === 'input/not-echoed', String(error));
      assert.ok(error.hint?.includes('echo: false'));
      return true;
    });
  });

  it('fails where one character comes out as another each time, and does not tell what it was', async () => {
    const terminal = simulatedTerminal({ shows: (char) => (char === 'r' ? 'R' : char) });
    await assert.rejects(type(terminal, 'hunter2'), (error) => {
      assert.ok(error instanceof FailedError && error.code === 'input/cannot-type', String(error));
      assert.ok(!JSON.stringify([error.message, error.hint, error.facts]).includes('hunte'));
      return true;
    });
  });

  it('stops when it is told to', async () => {
    const terminal = simulatedTerminal({ shows: () => null });
    const reason = new Error('enough');
    await assert.rejects(type(terminal, 'abc', { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  });

  it('refuses what the keyboard has no key for before it sends anything', async () => {
    const terminal = simulatedTerminal();
    await assert.rejects(
      type(terminal, 'na\u00efve'),
      (error) => error instanceof UsageError && error.code === 'input/no-such-character',
    );
    assert.equal(terminal.text(), '');
  });

  it('refuses a field of more than 4096 characters', async () => {
    await assert.rejects(
      type(simulatedTerminal(), 'x'.repeat(4097)),
      (error) => error instanceof UsageError && error.code === 'input/too-long',
    );
  });
});

describe('typing without echo', () => {
  it('sends every character, one at a time', async () => {
    const terminal = simulatedTerminal({ shows: () => null });
    assert.deepEqual(await type(terminal, 'S3cret pass!', { echo: false }), { retyped: 0 });
    assert.equal(terminal.text(), 'S3cret pass!');
    assert.deepEqual(terminal.down(), []);
  });
});
