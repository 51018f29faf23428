import assert from 'node:assert/strict';
import { lintRecipe } from '../../../src/recipe/lint.ts';
import {
  recordedSteps,
  withHidden,
  type Input,
  type Recorded,
  type RecordedInput,
  type Recording,
} from '../../../src/workshop/provision/recording.ts';
import type { ScreenText } from '../../../src/workshop/screen/types.ts';
import { paperScreen } from './paper-machine.ts';
import { reader, recipe } from './paper-run.ts';

/** What a person saw and did, in turn: lines of a screen, or an input. */
type Moment = readonly string[] | ScreenText | Input | { readonly wait: number };

function record(moments: readonly Moment[], off = false): Recording {
  let now = 0;
  let screen = paperScreen([]);
  const start: RecordedInput['seen'][number][] = [];
  const inputs: { input: Input; before: ScreenText; seen: RecordedInput['seen'][number][] }[] = [];
  let wait = 1000;
  for (const moment of moments) {
    if ('wait' in moment) wait = moment.wait;
    else if ('char' in moment || 'key' in moment) inputs.push({ input: moment, before: screen, seen: [sighting()] });
    else {
      screen = 'lines' in moment ? moment : paperScreen(moment);
      (inputs.at(-1)?.seen ?? start).push(sighting());
    }
  }
  function sighting() {
    const fromMs = now;
    now += wait;
    return { screen, fromMs, untilMs: now };
  }
  return { start, inputs, off };
}

function recorded(moments: readonly Moment[], off = false, hostFactor = 1): Recorded {
  return recordedSteps(record(moments, off), { reader, ids: [], hostFactor, defaultTimeoutMs: 60_000 });
}

/** Each character, and the screen after it. */
function typing(text: string, draw: (typed: string) => readonly string[]): Moment[] {
  return Array.from(text).flatMap((char, at): Moment[] => [{ char }, draw(text.slice(0, at + 1))]);
}

const PROMPT = ['Welcome to the shell', '~ # '];
const shell = (typed: string): string[] => ['Welcome to the shell', `~ # ${typed}`];

describe('steps from a file that was played', () => {
  it('hide nothing of what the screen did not show: it stands in the file', () => {
    const asked = ['Enter password:'];
    const recording = record([asked, ...typing('vagrant', () => asked), { key: 'enter' }, ['Welcome to the guest']]);
    const options = { reader, ids: [], hostFactor: 1, defaultTimeoutMs: 60_000 };
    const { steps, hidden } = recordedSteps(recording, { ...options, published: true });
    assert.deepEqual(hidden, []);
    assert.deepEqual(steps[0]?.do, [{ type: 'vagrant', echo: false }, { key: 'enter' }]);
    assert.equal(recordedSteps(recording, options).hidden[0]?.characters, 'vagrant'.length);
  });

  const boot = (typed: string): string[] => ['SeaBIOS', 'Boot failed: not a bootable disk', `boot: ${typed}`];
  const fromFile = (moments: readonly Moment[]): Recorded =>
    recordedSteps(record(moments), { reader, ids: [], hostFactor: 1, defaultTimeoutMs: 60_000, published: true });

  it('begin at the prompt that was typed at, not at what stood above it', () => {
    const { steps } = fromFile([boot(''), ...typing('auto', boot), { key: 'enter' }, ['Welcome to the guest']]);
    assert.deepEqual(steps[0]?.when, { text: 'boot:' });
  });

  it('keep the last key, where nothing shows of it, and say that nothing confirms it', () => {
    const { steps, unconfirmed } = fromFile([boot(''), ...typing('auto', boot), { key: 'enter' }, boot('auto')]);
    assert.deepEqual(
      steps.map((step) => [step.do, step.expect]),
      [[[{ type: 'auto' }, { key: 'enter' }], { changed: true }]],
    );
    assert.deepEqual(unconfirmed, [steps[0]?.id]);
  });

  it('say which keys nothing showed after', () => {
    const { steps, unanswered } = fromFile([
      ['Press a key'],
      { key: 'esc' },
      ['Press a key'],
      { key: 'down' },
      ['Press a key'],
      { key: 'enter' },
      ['Welcome to the guest'],
    ]);
    assert.equal(steps.length, 1);
    assert.deepEqual(unanswered, [{ step: steps[0]?.id, key: 'esc' }]);
  });
});

describe('steps from a recording', () => {
  it('are text and the key that sends it, confirmed by what came of it', () => {
    const { steps, hidden } = recorded([
      PROMPT,
      ...typing('uname', shell),
      { key: 'enter' },
      [...shell('uname'), 'Linux kernel', '~ # '],
      ...typing('id', (typed) => [...shell('uname'), 'Linux kernel', `~ # ${typed}`]),
      { key: 'enter' },
      [...shell('uname'), 'Linux kernel', '~ # id', 'user of the house', '~ # '],
    ]);
    assert.deepEqual(hidden, []);
    assert.deepEqual(steps, [
      {
        id: 'linux-kernel',
        when: { text: 'Welcome to the shell' },
        do: [{ type: 'uname' }, { key: 'enter' }],
        expect: { text: 'Linux kernel' },
      },
      { id: 'user-of-the-house', do: [{ type: 'id' }, { key: 'enter' }], expect: { text: 'user of the house' } },
    ]);
  });

  it('are a recipe that lint has nothing to say against', () => {
    const { steps } = recorded([
      PROMPT,
      ...typing('uname', shell),
      { key: 'enter' },
      [...shell('uname'), 'Linux kernel'],
    ]);
    assert.deepEqual(lintRecipe(recipe(steps, { summary: 'Recorded' }).of), []);
  });

  it('hold the text as it was when it was sent, without what was erased', () => {
    const draw = (typed: string) => shell(typed.replaceAll(/.\u2190/g, ''));
    const { steps } = recorded([
      PROMPT,
      ...typing('lz', draw),
      { key: 'backspace' },
      shell('l'),
      ...typing('s', () => shell('ls')),
      { key: 'enter' },
      [...shell('ls'), 'nothing here'],
    ]);
    assert.deepEqual(steps[0]?.do, [{ type: 'ls' }, { key: 'enter' }]);
  });

  it('threat 39: hold a placeholder where nothing showed, or a dot for each character', () => {
    for (const shown of ['', '*', '•']) {
      const password = ['Password:'];
      const { steps, hidden } = recorded([
        password,
        ...typing('hunter2', (typed) => [`Password: ${shown.repeat(typed.length)}`]),
        { key: 'enter' },
        ['Welcome back'],
      ]);
      assert.deepEqual(steps[0]?.do, [{ type: '{{hidden_1}}', echo: false }, { key: 'enter' }], shown);
      assert.deepEqual(hidden, [{ name: 'hidden_1', step: 'welcome-back', characters: 7 }]);
      assert.ok(!JSON.stringify({ steps, hidden }).includes('hunter2'));
    }
  });

  it('threat 39: take one character that showed nothing for hidden too', () => {
    const { hidden } = recorded([['Password:'], { char: 'x' }, ['Password: *'], { key: 'enter' }, ['Welcome back']]);
    assert.equal(hidden.length, 1);
  });

  it('put a public text where something was hidden, or leave it out', () => {
    const { steps } = recorded([['Password:'], ...typing('hunter2', () => ['Password:']), { key: 'enter' }, ['In']]);
    const acts = (texts: ReadonlyMap<string, string>) => withHidden(steps, texts)[0]?.do;
    assert.deepEqual(acts(new Map([['hidden_1', 'public']]))?.[0], { type: 'public', echo: false });
    assert.deepEqual(acts(new Map()), [{ key: 'enter' }]);
  });

  it('press a key that did something, and type one that shows', () => {
    const menu = ['GNU GRUB', 'Press enter to boot the selected OS', 'or c for a command line'];
    const commandLine = ['GNU GRUB', 'Minimal line editing is supported', 'grub>'];
    const { steps } = recorded([menu, { char: 'c' }, commandLine]);
    assert.deepEqual(steps[0]?.do, [{ key: 'c' }]);
    const asked = recorded([['Continue? '], { char: 'y' }, ['Continue? y'], { key: 'enter' }, ['Continuing now']]);
    assert.deepEqual(asked.steps[0]?.do, [{ type: 'y' }, { key: 'enter' }]);
  });

  it('choose the entry that the arrow keys led to', () => {
    const list = ['Choose a language', '  English   -  English', '  Deutsch   -  German'];
    const at = (row: number): ScreenText => ({
      ...paperScreen(list),
      isHighlighted: (y, x) => y === row && x >= 2 && x < (list[y]?.length ?? 0),
    });
    const { steps } = recorded([at(1), { key: 'down' }, at(2), { key: 'enter' }, ['Wo wohnen Sie?']]);
    assert.deepEqual(steps[0]?.do, [{ menu: 'Deutsch' }]);
    assert.deepEqual(steps[0]?.expect, { text: 'Wo wohnen Sie?' });
  });

  it('keep inputs together where nothing between them can be confirmed', () => {
    const page = ['A form with two fields'];
    const { steps } = recorded([page, { key: 'tab' }, page, { key: 'enter' }, ['The form was sent']]);
    assert.deepEqual(
      steps.map(({ do: acts }) => acts),
      [[{ key: 'tab' }, { key: 'enter' }]],
    );
  });

  it('leave out what was pressed at the end in vain', () => {
    const { steps } = recorded([
      ['Press enter'],
      { key: 'enter' },
      ['The end is here'],
      { key: 'down' },
      ['The end is here'],
    ]);
    assert.deepEqual(steps[0]?.do, [{ key: 'enter' }]);
    assert.equal(steps.length, 1);
  });

  it('expect the machine to go off where it went off', () => {
    const { steps } = recorded([PROMPT, ...typing('poweroff', shell), { key: 'enter' }, shell('poweroff')], true);
    assert.deepEqual(steps.at(-1)?.expect, { event: 'shutdown' });
  });

  it('wait long for what took long, as the reference machine counts', () => {
    const slow: Moment[] = [
      ['Ready to copy'],
      { wait: 240_000 },
      { key: 'enter' },
      { wait: 1000 },
      ['All files copied'],
    ];
    assert.deepEqual(recorded(slow).steps[0]?.expect, { text: 'All files copied', timeout: '960s' });
    assert.deepEqual(recorded(slow, false, 20).steps[0]?.expect, { text: 'All files copied' });
  });

  it('say which of them nothing telling confirms', () => {
    const { steps, unconfirmed } = recorded([['...'], { key: 'enter' }, ['....']]);
    assert.deepEqual(
      unconfirmed,
      steps.map(({ id }) => id),
    );
    assert.equal(unconfirmed.length, 1);
  });

  it('have ids of their own', () => {
    const again = ['One more time'];
    const { steps } = recorded([
      again,
      { key: 'enter' },
      ['Another one here'],
      { key: 'enter' },
      again,
      { key: 'enter' },
      ['', ...again],
    ]);
    assert.equal(new Set(steps.map(({ id }) => id)).size, steps.length);
  });
});
