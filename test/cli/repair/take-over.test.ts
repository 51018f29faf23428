/** Taking a machine over through a real pty, on a build that is then replayed without a hand on it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { underTerminal, type Person } from '../../support/person.ts';
import { needPrograms } from '../../support/skip.ts';

const BUILD = join(import.meta.dirname, 'paper-take-over.ts');
const HOT_KEY = '\u001d';
/** Typed where the guest shows nothing: it must be nowhere afterwards. */
const CANARY = 'correct-horse';

describe('taking over', function () {
  this.timeout(30_000);
  const people: Person[] = [];

  before(function () {
    needPrograms(this, 'script');
  });
  afterEach(() => {
    for (const person of people.splice(0)) person.leave();
  });

  function sitDown(environment: Record<string, string> = {}): Person {
    const person = underTerminal([process.execPath, BUILD], { VISUAL: '', EDITOR: 'false', ...environment });
    people.push(person);
    return person;
  }

  /** Answers the guest's questions by hand, and ends with the hot key. */
  async function drive(person: Person): Promise<void> {
    await person.reads('? help');
    person.types('t\n');
    await person.reads('Do you accept it?');
    await person.reads('Ctrl-] menu');
    person.types('yess\u007f');
    await person.reads('Do you accept it? yes');
    person.types('\r');
    await person.reads('Password of the user:');
    person.types(`${CANARY}\r`);
    await person.reads('Select your location');
    person.types(`${HOT_KEY}d`);
  }

  it('records what was done as steps that expect what was then seen, and the build passes by them alone', async () => {
    const person = sitDown();
    await drive(person);
    await person.reads('public text> ');
    person.types('for-everybody\n');
    const shown = await person.reads('drop them> ');
    assert.match(shown, /do +type "yes"/);
    assert.match(shown, /expect +the text "A user has to be made"|expect +the text "Password of the user:"/);
    person.types('y\n');
    const result = JSON.parse(await person.result());
    assert.deepEqual(result.repairs, [
      { origin: 'human', summary: 'the step "language" done by hand, recorded as 2 steps' },
    ]);
    const [language, licence, password, location] = result.steps;
    assert.equal(result.steps.length, 4);
    assert.deepEqual(language.do, [{ key: 'enter' }]);
    assert.equal(language.checkpoint, undefined);
    assert.deepEqual(licence.do, [{ type: 'yes' }, { key: 'enter' }]);
    assert.deepEqual(password.do, [{ type: 'for-everybody', echo: false }, { key: 'enter' }]);
    assert.deepEqual(password.expect, { text: 'Select your location' });
    assert.equal(password.checkpoint, true);
    assert.equal(location.id, 'location');
    // The machine that the build passed on was touched by nobody: its keys are the steps' alone.
    assert.equal(result.pressed.join(' ').replaceAll(' ', ''), 'enteryesenterfor-everybodyenterenter');
  });

  it('threat 39: keeps nothing of what was typed where the screen showed nothing', async () => {
    const person = sitDown();
    await drive(person);
    await person.reads('you typed 13 characters that the screen did not show');
    await person.reads('public text> ');
    person.types('\n');
    await person.reads('drop them> ');
    person.types('y\n');
    const result = await person.result();
    assert.ok(!result.includes(CANARY));
    assert.ok(!person.shown.includes(CANARY), 'the terminal never showed it');
    assert.partialDeepStrictEqual(JSON.parse(result).steps[2], { do: [{ key: 'enter' }] });
  });

  it('drops what was done where the person wants none of it, and goes on asking', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('t\n');
    await person.reads('Ctrl-] menu');
    person.types('no\r');
    person.types(HOT_KEY);
    await person.reads('q drop all of it');
    person.types('q');
    await person.reads('? help');
    person.types('a\n');
    assert.match(await person.result(), /^1 .*the person ended it/);
  });

  it('says so where the machine is left at a point that the recipe does not go on from', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('t\n');
    await person.reads('Ctrl-] menu');
    person.types('yes\r');
    await person.reads('Password of the user:');
    person.types(`${HOT_KEY}d`);
    await person.reads('drop them> ');
    person.types('y\n');
    await person.reads('not at a point that the recipe goes on from');
    await person.reads('[y/N] ');
    person.types('n\n');
    await person.reads('? help');
    person.types('a\n');
    await person.result();
  });

  it('sends keys by their names, the hot key itself too', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('t\n');
    await person.reads('Ctrl-] menu');
    person.types(`${HOT_KEY}]`);
    await person.reads('Do you accept it? ctrl-]');
    person.types('\u001b[A');
    await person.reads('ctrl-]up');
    person.types(`${HOT_KEY}q`);
    await person.reads('? help');
    person.types('a\n');
    await person.result();
  });

  it('refuses a terminal that it cannot draw on, with what to do instead', async () => {
    const person = sitDown({ TERM: 'dumb' });
    await person.reads('? help');
    person.types('t\n');
    assert.match(await person.reads('? help'), /cannot be drawn on this terminal/);
    person.types('a\n');
    await person.result();
  });
});
