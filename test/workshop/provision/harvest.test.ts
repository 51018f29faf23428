import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { harvest, harvestGone, harvestHighlight, type Sighting } from '../../../src/workshop/provision/harvest.ts';
import type { Step } from '../../../src/recipe/types.ts';
import { paperScreen } from './paper-machine.ts';
import { reader } from './paper-run.ts';

/** Screens, each with how long it stood, milliseconds. */
function seen(...screens: readonly (readonly [lines: readonly string[], ms: number])[]): Sighting[] {
  let now = 0;
  return screens.map(([lines, ms]) => {
    const fromMs = now;
    now += ms;
    return { screen: paperScreen(lines), fromMs, untilMs: now };
  });
}

function best(before: readonly string[] | null, now: readonly Sighting[], sent?: Pick<Step, 'do'>): unknown {
  const [first] = harvest({
    reader,
    before: before === null ? null : paperScreen(before),
    seen: now,
    ...(sent && { sent }),
  });
  return first?.condition;
}

describe('harvesting an expectation', () => {
  it('takes the new question, not what stood there before', () => {
    const before = ['Installer', 'Choose the language'];
    const now = seen([['Installer', 'Select your location'], 1000]);
    assert.deepEqual(best(before, now), { text: 'Select your location' });
  });

  it('counts as the engine does: a prompt that came again further down is new', () => {
    const before = ['grub> clear-nothing'];
    const now = seen([['grub> clear-nothing', 'grub>'], 1000]);
    assert.deepEqual(best(before, now), { text: 'grub>' });
  });

  it('finds nothing where nothing new is to be seen', () => {
    assert.equal(best(['Select your location'], seen([['Select your location'], 1000])), undefined);
    assert.equal(best(null, seen([['', '--------', '│     │'], 1000])), undefined);
    assert.equal(best(null, []), undefined);
  });

  it('leaves out numbers, which change by themselves and from version to version', () => {
    const now = seen([['The entry will be executed in 28s.'], 200], [['The entry will be executed in 27s.'], 200]);
    assert.deepEqual(best([], now), { text: 'The entry will be executed in' });
    assert.deepEqual(best([], seen([['GNU GRUB  version 2.06-13+deb12u1'], 900])), { text: 'GNU GRUB' });
  });

  it('takes numbers where they are all there is', () => {
    assert.deepEqual(best(['grub> echo $cpu'], seen([['grub> echo $cpu', 'i386/pc'], 900])), { text: 'i386/pc' });
  });

  it('prefers what came with the last change: what comes early shows before the work is done', () => {
    const early = ['Unpacking the base system files'];
    const now = seen([early, 5000], [[...early, 'ready'], 1000]);
    assert.deepEqual(best(['~ # install'], now), { text: 'ready' });
    const [first] = harvest({ reader, before: paperScreen(['~ # install']), seen: now });
    assert.equal(first?.afterMs, 5000);
  });

  it('never takes what the step types, which its echo would show', () => {
    const sent: Pick<Step, 'do'> = { do: [{ type: 'echo well-done' }, { key: 'enter' }] };
    assert.equal(best(['~ #'], seen([['~ #', 'well-done'], 900]), sent), undefined);
  });

  it('never takes it with the prompt that stands before it', () => {
    const sent: Pick<Step, 'do'> = { do: [{ type: 'auto url=http://10.0.2.2/preseed.cfg' }, { key: 'enter' }] };
    const echo = 'boot: auto url=http://10.0.2.2/preseed.cfg';
    assert.equal(best(['boot: auto url=http://10.0.2.2/preseed'], seen([[echo], 900]), sent), undefined);
    assert.deepEqual(best(['boot:'], seen([[echo, 'Loading the kernel'], 900]), sent), { text: 'Loading the kernel' });
  });

  it('never takes any of it, however late it shows, and wherever its rows break', () => {
    const word = fc.stringMatching(/^[a-z0-9/=:.-]{1,24}$/);
    const typed = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(' '));
    const prompt = fc.constantFrom('boot: ', 'grub> ', 'root@host:~# ', '');
    fc.assert(
      fc.property(typed, prompt, fc.nat(), (text, prompt, share) => {
        const shown = text.slice(0, share % (text.length + 1));
        const rows = (line: string): string[] => ['Welcome', ...(line.match(/.{1,40}/g) ?? [''])];
        const sent: Pick<Step, 'do'> = { do: [{ type: text }, { key: 'enter' }] };
        assert.equal(best(rows(prompt + shown), seen([rows(prompt + text), 900]), sent), undefined);
      }),
      { seed: 20261128, numRuns: 500 },
    );
  });

  it('never takes what only counts on', () => {
    const before = ['Booting in 28 s.', 'boot:'];
    assert.equal(best(before, seen([['Booting in 27 s.', 'boot:'], 900])), undefined);
    assert.deepEqual(best(before, seen([['Booting in 28 s.', 'boot: 17'], 900])), { text: 'boot: 17' });
  });

  it('never takes braces, which a recipe reads as a parameter', () => {
    assert.equal(best([], seen([['{{greeting}} everybody'], 900])), undefined);
  });

  it('reads inside of frames, and cuts long sentences at a word', () => {
    const box = ['┌──────┤ [!!] Configure the network ├────┐', '│ Please enter the hostname              │'];
    const texts = harvest({ reader, before: null, seen: seen([box, 900]) }).map(({ text }) => text);
    assert.ok(texts.includes('Please enter the hostname'), String(texts));
    assert.ok(texts.includes('Configure the network'), String(texts));
  });

  it('tells a text that comes twice on the screen from one that stands there once', () => {
    const now = seen([['Continue installing', 'Continue installing', 'Abort installing now'], 900]);
    assert.deepEqual(best([], now), { text: 'Abort installing now' });
  });
});

describe('harvesting where no new text came', () => {
  const highlighted = (lines: readonly string[], row: number) => ({
    ...paperScreen(lines),
    isHighlighted: (at: number, column: number) => at === row && column < (lines[row]?.length ?? 0),
  });
  const MENU = ['* Debian GNU/Linux', '* Advanced options', '* Memory test'];

  it('takes the entry that is highlighted now', () => {
    const now: Sighting = { screen: highlighted(MENU, 1), fromMs: 10, untilMs: 20 };
    assert.deepEqual(
      harvestHighlight({ reader, before: highlighted(MENU, 0), seen: [now] }).map(({ condition }) => condition),
      [{ text: { string: 'Advanced options', style: 'inverse' } }],
    );
    assert.deepEqual(harvestHighlight({ reader, before: highlighted(MENU, 1), seen: [now] }), []);
  });

  it('takes what is gone', () => {
    const before = paperScreen(['The entry will be executed in 28s.', ...MENU]);
    const [gone] = harvestGone({ reader, before, seen: seen([MENU, 500]) });
    assert.deepEqual(gone?.condition, { gone: { text: 'The entry will be executed in' } });
  });
});
