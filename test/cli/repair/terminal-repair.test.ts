/** The person's repair interface through a real pty (util-linux's `script`), on a build that goes on afterwards. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Person, underTerminal } from '../../support/person.ts';
import { needPrograms } from '../../support/skip.ts';

const BUILD = join(import.meta.dirname, 'paper-build.ts');

describe('repair at the terminal', function () {
  this.timeout(30_000);
  let folder: string;
  const people: Person[] = [];

  before(function () {
    needPrograms(this, 'script');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portalgun-terminal-'));
  });
  afterEach(async () => {
    for (const person of people.splice(0)) person.leave();
    await rm(folder, { recursive: true, force: true });
  });

  function sitDown(environment: Record<string, string> = {}): Person {
    return seated(underTerminal([process.execPath, BUILD], { VISUAL: '', EDITOR: 'false', ...environment }));
  }

  function seated(person: Person): Person {
    people.push(person);
    return person;
  }

  async function editor(...lines: readonly string[]): Promise<string> {
    const path = join(folder, 'editor');
    await writeFile(path, ['#!/bin/sh', ...lines, ''].join('\n'));
    await chmod(path, 0o755);
    return path;
  }

  it('shows what was expected, what is there and what comes nearest, in 80 columns', async () => {
    const person = sitDown();
    const shown = await person.reads('? help');
    assert.match(shown, /The step "language" failed/);
    assert.match(shown, /expected {2}after acting, the text "Choose your location"/);
    assert.match(shown, / ▸ │ Select your location/);
    assert.match(shown, / 1 {2}"Select your location" \(row 1, \d+ % alike\)/);
    for (const line of shown.split('\n')) {
      assert.ok(line.trimEnd().length <= 80, line);
    }
    person.types('a\n');
    assert.match(await person.result(), /^1 the step "language" failed and was ended: the person ended it/);
  });

  it('takes the suggestion that was chosen, and the build passes by itself', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('1\n');
    assert.deepEqual(JSON.parse(await person.result()), {
      expects: [{ text: 'Select your location' }, { text: 'All done' }],
      repairs: [{ origin: 'human', summary: '"Choose your location" now reads "Select your location"' }],
    });
  });

  it('takes the step as it was edited in $EDITOR', async () => {
    const person = sitDown({ EDITOR: 'sed -i "s/Choose your/Select your/"' });
    await person.reads('? help');
    person.types('e\n');
    assert.partialDeepStrictEqual(JSON.parse(await person.result()), {
      expects: [{ text: 'Select your location' }, { text: 'All done' }],
      repairs: [{ origin: 'human' }],
    });
  });

  it('takes a list of steps in place of the step', async () => {
    const waits = (id: string, text: string) => ({ id, expect: { text } });
    const steps = [
      {
        id: 'language',
        when: { text: 'Choose the language' },
        do: [{ key: 'enter' }],
        expect: { text: 'Select your' },
      },
      waits('settled', 'location'),
    ];
    const person = sitDown({ EDITOR: await editor(`cat > "$1" <<'EOF'`, JSON.stringify(steps), 'EOF') });
    await person.reads('? help');
    person.types('e\n');
    assert.deepEqual(JSON.parse(await person.result()).expects, [
      { text: 'Select your' },
      { text: 'location' },
      { text: 'All done' },
    ]);
  });

  it('says what is wrong with an edited step, and lets it be edited again from there', async () => {
    // The first visit misspells a field, the second mends it and the text.
    const command = await editor(
      `if grep -q expekt "$1"; then sed -i 's/expekt/expect/; s/Choose your/Select your/' "$1"; else sed -i 's/expect:/expekt:/' "$1"; fi`,
    );
    const person = sitDown({ EDITOR: command });
    await person.reads('? help');
    person.types('e\n');
    assert.match(await person.reads('Edit again?'), /This is not a step:\s+expekt: unknown field/);
    person.types('y\n');
    assert.partialDeepStrictEqual(JSON.parse(await person.result()), { repairs: [{ origin: 'human' }] });
  });

  it('refuses an edit that gives no valid recipe, with the reason, and goes on asking', async () => {
    const person = sitDown({ EDITOR: `sed -i 's/^id: .*/id: another/'` });
    await person.reads('? help');
    person.types('e\n');
    assert.match(await person.reads('Edit again?'), /This cannot be used: .*keeps its id/s);
    person.types('n\n');
    await person.reads('? help');
    person.types('1\n');
    assert.partialDeepStrictEqual(JSON.parse(await person.result()), { repairs: [{ origin: 'human' }] });
  });

  it('tells an editor that fails or changes nothing, and goes on asking', async () => {
    const person = sitDown({ EDITOR: 'false' });
    await person.reads('? help');
    person.types('e\n');
    assert.match(await person.reads('? help'), /the editor "false" ended with exit code 1/);
    person.types('a\n');
    await person.result();

    const another = sitDown({ EDITOR: 'true' });
    await another.reads('? help');
    another.types('e\n');
    await another.reads('nothing changed');
    another.types('a\n');
    await another.result();
  });

  it('gives the step to the editor in a file of the person alone', async () => {
    const copy = join(folder, 'copy');
    const person = sitDown({ EDITOR: await editor(`stat -c %a "$1" > '${copy}'; cat "$1" >> '${copy}'`) });
    await person.reads('? help');
    person.types('e\n');
    await person.reads('nothing changed');
    person.types('a\n');
    await person.result();
    const [mode, ...lines] = (await readFile(copy, 'utf8')).split('\n');
    assert.equal(mode, '600');
    assert.match(lines[0] ?? '', /^# The step "language" failed/);
    assert.ok(lines.includes('id: language'));
  });

  it('tries again and rolls back as it is told, and asks anew', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('r\n');
    await person.reads('(asked 2 times)');
    await person.reads('? help');
    person.types('b\n');
    assert.match(await person.reads('stay> '), /1 {2}power-on/);
    person.types('1\n');
    await person.reads('(asked 3 times)');
    await person.reads('? help');
    person.types('1\n');
    assert.partialDeepStrictEqual(JSON.parse(await person.result()), { repairs: [{ origin: 'human' }] });
  });

  it('offers a fix that arrives while it waits there and then, and takes it as its author’s', async () => {
    const file = join(folder, 'fix');
    const person = sitDown({ FIX: file });
    await person.reads('? help');
    person.types('f\n');
    await person.reads('No fix has arrived');
    await writeFile(file, '');
    const shown = await person.reads('f take the fix that arrived');
    assert.match(shown, /A patch by somebody may cure it·\[2J/);
    person.types('f\n');
    assert.deepEqual(JSON.parse(await person.result()).repairs, [
      { origin: 'trusted-patch', summary: 'a fix of a peer' },
    ]);
  });

  it('takes a step out of the recipe, but not its last one', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('s\n');
    // Without the first step the second one waits for a screen that does not come.
    await person.reads('The step "location" failed');
    await person.reads('? help');
    person.types('s\n');
    assert.match(await person.reads('? help'), /This cannot be used: .*no valid recipe|it leaves no recipe/s);
    person.types('a\n');
    await person.result();
  });

  it('explains its commands, and what it does not understand', async () => {
    const person = sitDown();
    await person.reads('? help');
    person.types('?\n');
    await person.reads('edit the step as YAML');
    person.types('xyzzy\n');
    await person.reads('"xyzzy" is not one of the choices');
    person.types('7\n');
    await person.reads('"7" is not one of the choices');
    person.types('\u0004');
    assert.match(await person.result(), /the person closed the input/);
  });

  it('asks nobody where there is no terminal: it explains, and ends', async () => {
    const person = seated(new Person(spawn(process.execPath, [BUILD], { env: process.env })));
    const shown = await person.reads('not a terminal');
    assert.match(shown, /expected {2}after acting, the text "Choose your location"/);
    assert.match(await person.result(), /^1 .*nobody could be asked/);
  });
});
