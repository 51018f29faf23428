import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.ts';
import schema from '../../src/recipe/recipe.schema.json' with { type: 'json' };
import * as LIMITS from '../../src/recipe/limits.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { PlacedProblem } from '../../src/recipe/problems.ts';
import { recipeOf, sample, sampleWith, SOURCE } from './fixtures.ts';

function problemsOf(source: string): readonly PlacedProblem[] {
  try {
    parseRecipe(source, 'x.yaml');
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.code, 'recipe/invalid');
    assert.equal(error.exitCode, 2);
    return error.facts['problems'] as readonly PlacedProblem[];
  }
  return assert.fail('it was accepted');
}

/** The only problem: its place and its words. */
function only(source: string): string {
  const problems = problemsOf(source);
  assert.equal(problems.length, 1, JSON.stringify(problems));
  const [{ line, column, path, message } = assert.fail()] = problems;
  return `${line}:${column} ${path}: ${message}`;
}

/** The sample, whose first step also serves a file. */
const servedOf = (file: string): string =>
  sampleWith('do: [{ menu: "English" }]', `do: [{ menu: "English" }, { serve: ${file} }]`);

describe('parseRecipe', () => {
  it('reads a whole recipe, and freezes what it has checked', () => {
    const { recipe, source, digest } = sample();
    assert.equal(source, SOURCE);
    assert.deepEqual(
      recipe.steps.map(({ id }) => id),
      ['language', 'hostname', 'partition', 'base-system'],
    );
    assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    assert.throws(() => Object.assign(recipe.steps[0] ?? {}, { id: 'other' }), TypeError);
  });

  it('gives the same digest whatever the comments, the layout and the order of fields', () => {
    const other = sampleWith(
      'when: { text: \'Choose the language\' }\n    do: [{ menu: "English" }]',
      'do:\n    - menu: English\n    when:\n        text: Choose the language   # moved',
    );
    assert.equal(parseRecipe(other).digest, sample().digest);
    assert.notEqual(parseRecipe(sampleWith('Choose the language', 'Choose a language')).digest, sample().digest);
  });

  it('names all unknown fields with line, column, path and what was most likely meant', () => {
    const source = sampleWith('checkpoint: true', 'chekpoint: true').replace('defaults:', 'default:');
    assert.deepEqual(
      problemsOf(source).map(({ line, column, path, message }) => [line, column, path, message]),
      [
        [16, 1, 'default', 'unknown field "default"; did you mean "defaults"?'],
        [27, 5, 'steps[0].chekpoint', 'unknown field "chekpoint"; did you mean "checkpoint"?'],
      ],
    );
  });

  it('shows file, place and problem in the message, and says what to do', () => {
    assert.throws(
      () => parseRecipe(sampleWith('{ menu: "English" }', '{ menu: 5 }'), 'dir/my.yaml'),
      (error: unknown) =>
        error instanceof UsageError &&
        error.message.includes('dir/my.yaml:25:18: steps[0].do[0].menu: found 5, expected a text') &&
        (error.hint ?? '').includes('docs/recipe.md'),
    );
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['a missing field', SOURCE.replace('version: 1.0.0\n', ''), /^2:1 the document: the field "version" is missing$/],
    [
      'a version that YAML reads as a number',
      sampleWith('version: 1.0.0', 'version: 1'),
      /^4:10 version: found 1, expected a text \(put quotes/,
    ],
    [
      'a number that is no integer',
      sampleWith('retries: 2', 'retries: 1.5'),
      /the number 1\.5; only integers are allowed/,
    ],
    ['an integer beyond 2^53', sampleWith('retries: 2', 'retries: 9007199254740993'), /only integers are allowed/],
    [
      'a field with nothing in it',
      sampleWith('summary: Its name', 'summary:'),
      /params\.hostname\.summary: found nothing/,
    ],
    [
      'two kinds in one condition',
      sampleWith("text: 'Choose the language'", "text: 'Choose', serial: x"),
      /found text and serial, expected exactly one of text, serial/,
    ],
    [
      'no kind in a condition',
      sampleWith("text: 'Choose the language'", 'timeout: 5s'),
      /found none of them, expected exactly one/,
    ],
    [
      'two kinds in one act',
      sampleWith('menu: "English"', 'menu: "English", key: enter'),
      /found key and menu, expected exactly one/,
    ],
    [
      'a text pattern with both string and regex',
      sampleWith("text: 'Choose the language'", 'text: { string: abc, regex: abc }'),
      /found string and regex, expected exactly one/,
    ],
    [
      'a place on the network that is an address',
      sampleWith('arch: x86_64', 'arch: x86_64\n  network: { allow: [192.0.2.1] }'),
      /machine\.network\.allow\[0\]: found "192\.0\.2\.1", expected the name of a host/,
    ],
    [
      'a network of no places',
      sampleWith('arch: x86_64', 'arch: x86_64\n  network: { allow: [] }'),
      /machine\.network\.allow: found a list of 0, expected at least 1/,
    ],
    [
      'a network of all places',
      sampleWith('arch: x86_64', 'arch: x86_64\n  network: any'),
      /expected none, or allow and a list/,
    ],
    [
      'a medium to insert that no drive takes',
      sampleWith('{ menu: "English" }', '{ insert: tools }'),
      /insert: "tools" is no medium with a "drive"; no medium has a "drive"/,
    ],
    [
      'a file that is neither booted nor for a drive',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { tools: { package: abc, path: a.iso } }\n'),
      /media\.tools: a medium that is not kernel, initrd, iso is a disk of packages \("layout"\), or one file for a "drive"/,
    ],
    [
      'a boot medium with a drive',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { package: abc, path: a.iso, drive: cd } }\n'),
      /iso is in the machine from the beginning/,
    ],
    [
      'a disk of packages with a drive',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { tools: { layout: usb-fat, drive: floppy } }\n'),
      /"drive" does not go with "layout"/,
    ],
    [
      'a drive that there is not',
      sampleWith('{ menu: "English" }', '{ eject: usb }'),
      /found "usb", expected one of cd, floppy/,
    ],
    [
      'a disc that is changed in a branch',
      sampleWith('do: [{ menu: "No" }]', 'do: [{ eject: cd }]'),
      /what is in a drive cannot depend on a branch/,
    ],
    [
      'a disc that is changed when an image is personalised',
      sampleWith(
        'personalise:\n  - id: password\n',
        'personalise:\n  - id: disc\n    do: [{ eject: cd }]\n    expect: { text: "the end" }\n  - id: password\n',
      ),
      /has its disk alone/,
    ],
    ['a sleep', sampleWith('{ menu: "English" }', '{ sleep: 5s }'), /unknown field "sleep"/],
    ['a duration that is none', sampleWith('timeout: 30m', 'timeout: soon'), /found "soon", expected a duration/],
    [
      'a duration of more than a day',
      sampleWith('timeout: 30m', 'timeout: 25h'),
      /expected a duration from 1ms to 24h/,
    ],
    [
      'a regular expression that does not compile',
      sampleWith('"([0-9]+)%"', '"([0-9]+%"'),
      /progress\.text: the regular expression .* is not valid \(RE2 syntax\)/,
    ],
    [
      'a regular expression that needs backtracking',
      sampleWith('"([0-9]+)%"', String.raw`"(a)\\1%"`),
      /is not valid \(RE2 syntax\)/,
    ],
    ['a look-behind, which RE2 does not have', sampleWith('"([0-9]+)%"', '"(?<=a)b"'), /look-behind/],
    ['a huge repetition', sampleWith('"([0-9]+)%"', '"(a{101}){2}"'), /repeats something more than 100 times/],
    ['two steps with one id', sampleWith('- id: base-system', '- id: language'), /the id "language" is used twice/],
    [
      'an id used by a step and in personalise',
      sampleWith('- id: password', '- id: hostname'),
      /the id "hostname" is used twice/,
    ],
    ['a step that does nothing', recipeOf('  - id: a\n'), /does nothing and waits for nothing/],
    [
      'do beside first_of',
      sampleWith('- id: partition\n', '- id: partition\n    do: [{ key: a }]\n'),
      /either do or first_of/,
    ],
    [
      'an unknown parameter',
      sampleWith('type: "{{hostname}}"', 'type: "{{hostnam}}"'),
      /\{\{hostnam\}\} is not a parameter of this recipe; did you mean "hostname"\?/,
    ],
    [
      'a secret outside personalise',
      sampleWith('type: "{{hostname}}"', 'type: "{{root_password}}"'),
      /the secret \{\{root_password\}\} is used outside personalise/,
    ],
    [
      'a secret in a condition',
      sampleWith('text: Please enter the hostname\n', 'text: "{{root_password}}"\n'),
      /the secret \{\{root_password\}\}/,
    ],
    ['a secret with a default', sampleWith('type: secret,', 'type: secret, default: abc,'), /a secret has no default/],
    [
      'a default that does not match its pattern',
      sampleWith('default: portal', 'default: Portal'),
      /"Portal" does not match the pattern/,
    ],
    ['a default of another type', sampleWith('default: portal', 'default: 5'), /found 5, expected a text/],
    [
      'an output of no disk',
      sampleWith('disk: root', 'disk: rot'),
      /the machine has no disk "rot"; did you mean "root"\?/,
    ],
    ['clear without type', sampleWith('- key: enter', '- { key: enter, clear: true }'), /"clear" goes with type only/],
    [
      'a path that leaves its package',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { package: foo, path: ../etc/passwd } }\n'),
      /expected a relative path without "\.\."/,
    ],
    [
      'an absolute path',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { package: foo, path: /etc/passwd } }\n'),
      /expected a relative path/,
    ],
    [
      'a local file without a digest',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { file: a.iso } }\n'),
      /needs its sha256, or "unverified: allow"/,
    ],
    [
      'a medium that is two things',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { file: a.iso, package: foo } }\n'),
      /found package and file, expected exactly one/,
    ],
    [
      'a disk of packages by the name of a boot medium',
      recipeOf('  - { id: a, expect: { text: abc } }\n', 'media: { iso: { layout: usb-fat } }\n'),
      /iso is one file/,
    ],
    [
      'kernel_of without that medium',
      recipeOf(
        '  - { id: a, expect: { text: abc } }\n',
        'media: { parts: { layout: usb-fat, packages: [{ kernel_of: initrd }] } }\n',
      ),
      /there is no medium "initrd"/,
    ],
    [
      'a flavour that is none',
      recipeOf(
        '  - { id: a, expect: { text: abc } }\n',
        'media: { parts: { layout: usb-fat, packages: [{ kernel_of: initrd, flavour: cloud-amd64 }] } }\n',
      ),
      /found "cloud-amd64", expected a flavour of Debian's kernels/,
    ],
    [
      'a control character in a name',
      sampleWith('summary: Its name', String.raw`summary: "a\e[31mb"`),
      /holds a line break, a control or a bidirectional character/,
    ],
    [
      'a bidirectional character in a text',
      sampleWith('"Select your location"', String.raw`"Select\u202eyour"`),
      /"Select\\u\{202e\}your" holds/,
    ],
    ['a bidirectional character in a comment', sampleWith('# enough', '# \u202eenough'), /not even in comments/],
    ['an escape character in the text', sampleWith('# enough', '# \u001b[2J'), /not even in comments/],
    ['a line break in what is typed', sampleWith('"{{hostname}}"', String.raw`"a\nb"`), /holds a line break/],
    [
      'a text that is not NFC',
      sampleWith('"Select your location"', '"Se\u0301lect your location"'),
      /is not Unicode in NFC/,
    ],
    [
      'an anchor',
      sampleWith('"Select your location"', '&a "Select your location"'),
      /an anchor; anchors and aliases are not allowed/,
    ],
    [
      'an alias',
      sampleWith('"Select disk to partition"', '*a').replace('"Select your location"', '&a "x y z"'),
      /an anchor|an alias/,
    ],
    ['a tag', sampleWith('"Select your location"', '!!str "Select your location"'), /tags are not allowed/],
    ['an unknown tag', sampleWith('"Select your location"', '!run "Select your location"'), /tag/i],
    [
      'the same field twice',
      sampleWith('checkpoint: true', 'checkpoint: true\n    checkpoint: false'),
      /steps\[0\]\.checkpoint: the field is there twice/,
    ],
    ['__proto__', sampleWith('defaults:', '__proto__:'), /the field name "__proto__" is not allowed/],
    [
      'UEFI for a 32-bit PC',
      sampleWith('arch: x86_64', 'arch: i386\n  firmware: uefi'),
      /machine\.firmware: uefi goes with arch x86_64/,
    ],
    ['a firmware that is none', sampleWith('arch: x86_64', 'arch: x86_64\n  firmware: coreboot'), /one of bios, uefi/],
    [
      'a firmware among the media',
      sampleWith('machine:', 'media: { firmware: { layout: usb-fat, packages: [ovmf] } }\n\nmachine:'),
      /media\.firmware: the firmware is no medium/,
    ],
    [
      'a resolution that no monitor has',
      sampleWith('arch: x86_64', 'arch: x86_64\n  display: { resolution: 1001x768 }'),
      /machine\.display\.resolution: found "1001x768", expected from 640x480/,
    ],
    [
      'a resolution that is none',
      sampleWith('arch: x86_64', 'arch: x86_64\n  display: { resolution: wide }'),
      /expected a resolution such as 1024x768/,
    ],
    [
      'a served file whose name leads elsewhere',
      servedOf('{ file: ../etc/passwd, content: x }'),
      /serve\.file: found "\.\.\/etc\/passwd", expected a relative path/,
    ],
    [
      'a placeholder in a served file that does not say how values are written',
      servedOf('{ file: a.cfg, content: "host={{hostname}}" }'),
      /serve: the file has placeholders: "escape" says how/,
    ],
    [
      'a placeholder of a served file that is no parameter',
      servedOf('{ file: a.cfg, escape: none, content: "host={{hostnam}}" }'),
      /serve\.content: .*did you mean "hostname"/,
    ],
    [
      'a secret in a file that is served while building',
      servedOf('{ file: a.cfg, escape: shell, content: "{{root_password}}" }'),
      /the secret \{\{root_password\}\} is used outside personalise/,
    ],
    [
      'a literal file that says how values are written',
      servedOf('{ file: a.cfg, literal: true, escape: json, content: "{{ any }}" }'),
      /a literal file has no placeholders/,
    ],
    [
      'a served file of more than 16 KiB in UTF-8',
      servedOf(`{ file: a.cfg, content: ${'ß'.repeat(8_200)} }`),
      /serve\.content: the file has 16400 bytes, more than 16384/,
    ],
    [
      'a file that is waited for and never served',
      sampleWith('expect: { text: "Select your location" }', 'expect: { fetched: b.cfg }'),
      /fetched: the recipe serves no file "b\.cfg"; the recipe serves none/,
    ],
    [
      'a file that is served in a branch only',
      recipeOf(
        '  - { id: a, first_of: [{ when: { text: abc }, do: [{ serve: { file: a, content: b } }] }], expect: { text: abd } }\n',
      ),
      /what is served cannot depend on a branch/,
    ],
    [
      'a rule for a path that is not from the root of a file system',
      `${SOURCE}normalise: [machine-id, { path: "p0:/X", content: x, reason: y }]\n`,
      /normalise\[1\]\.path: found "p0:\/X", expected one exact path from the root/,
    ],
    ['two documents', `${SOURCE}---\na: 1\n`, /document/i],
    ['an empty file', '', /the file is empty/],
    ['a list', '- a\n', /found a list of 1, expected a mapping/],
    ['YAML that is none', 'a: [b\n', /^\d+:\d+ the document: /],
  ];
  for (const [what, source, expected] of refused) {
    it(`refuses ${what}`, () => {
      const problems = problemsOf(source).map(
        ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
      );
      assert.ok(
        problems.some((problem) => expected.test(problem)),
        problems.join('\n'),
      );
    });
  }

  it('says one thing once: each of these has exactly one problem', () => {
    assert.match(only(sampleWith("text: 'Choose the language'", 'nedle: grub')), /^24:13 /);
    assert.match(only(sampleWith('menu: "English"', 'mnu: "English"')), /did you mean "menu"/);
  });

  it('takes braces and line breaks in a literal file', () => {
    const { recipe } = parseRecipe(
      servedOf(String.raw`{ file: a/user-data, literal: true, content: "{{ v1.name }}\n" }`),
    );
    assert.deepEqual(recipe.steps[0]?.do?.[1], {
      serve: { file: 'a/user-data', literal: true, content: '{{ v1.name }}\n' },
    });
  });

  it('takes line breaks in inline files and serial acts, and nowhere else', () => {
    const media = 'media: { parts: { layout: usb-fat, files: { a.sh: "one\\ntwo\\tthree\\n" } } }\n';
    const { recipe } = parseRecipe(
      recipeOf('  - { id: a, do: [{ serial: "root\\n" }], expect: { serial: "login ok" } }\n', media),
    );
    assert.deepEqual(recipe.steps[0]?.do, [{ serial: 'root\n' }]);
    assert.throws(
      () => parseRecipe(recipeOf('  - { id: a, expect: { text: abc } }\n', media.replace('one', String.raw`\u202e`))),
      /bidirectional/,
    );
  });

  describe('at its limits', () => {
    const padded = (bytes: number): string => SOURCE + '#'.repeat(bytes - Buffer.byteLength(SOURCE));
    it('takes a file of exactly the largest size, and refuses one byte more', () => {
      assert.equal(parseRecipe(padded(LIMITS.MAX_SOURCE_BYTES)).digest, sample().digest);
      assert.match(only(padded(LIMITS.MAX_SOURCE_BYTES + 1)), /has 49153 bytes, more than 49152/);
    });

    const steps = (count: number): string =>
      recipeOf(Array.from({ length: count }, (_, n) => `  - { id: s${n}, expect: { text: abc } }\n`).join(''));
    it('takes the most steps, and refuses one more', () => {
      assert.equal(parseRecipe(steps(LIMITS.MAX_STEPS)).recipe.steps.length, LIMITS.MAX_STEPS);
      assert.match(only(steps(LIMITS.MAX_STEPS + 1)), /expected at most 256/);
    });

    const file = (bytes: number): string =>
      recipeOf(
        '  - { id: a, expect: { text: abc } }\n',
        `media: { parts: { layout: usb-fat, files: { a: "${'x'.repeat(bytes)}" } } }\n`,
      );
    it('takes an inline file of 16 KiB, and refuses one byte more', () => {
      parseRecipe(file(LIMITS.MAX_INLINE_FILE_BYTES));
      assert.match(only(file(LIMITS.MAX_INLINE_FILE_BYTES + 1)), /the file has 16385 bytes, more than 16384/);
    });

    // The condition at the bottom lies at steps / 0 / expect / not … / text: each `not` is one level.
    const nested = (nots: number): string =>
      recipeOf(`  - { id: a, expect: ${'{ not: '.repeat(nots)}{ text: abc }${' }'.repeat(nots)} }\n`);
    it('takes 32 levels, and refuses one more', () => {
      parseRecipe(nested(LIMITS.MAX_NESTING - 4));
      assert.match(only(nested(LIMITS.MAX_NESTING - 3)), /more than 32 levels deep/);
    });

    const regex = (length: number): string =>
      recipeOf(`  - { id: a, expect: { text: { regex: ${'a'.repeat(length)} } } }\n`);
    it('takes the longest regular expression, and refuses one character more', () => {
      parseRecipe(regex(LIMITS.MAX_REGEX_LENGTH));
      assert.ok(problemsOf(regex(LIMITS.MAX_REGEX_LENGTH + 1)).length > 0);
    });

    it('threat 37: refuses bombs of nesting and of aliases without running out of anything', () => {
      const bombs = ['['.repeat(20_000), '- '.repeat(20_000), '{a: '.repeat(10_000), '? '.repeat(10_000)];
      bombs.push(
        `a: &a [x]\n${Array.from({ length: 30 }, (_, n) => `b${n}: &b${n} [${`*${n === 0 ? 'a' : `b${n - 1}`}, `.repeat(9)}]`).join('\n')}`,
      );
      for (const bomb of bombs) assert.ok(problemsOf(bomb).length > 0);
    });

    it('refuses directives, which could make it another version of YAML', () => {
      for (const head of ['%YAML 1.1\n---\n', '# x\n\n%TAG ! tag:x,2000:\n---\n']) {
        assert.throws(() => parseRecipe(head + SOURCE), { message: /a YAML directive/ });
      }
    });

    it('looks at a bounded number of mistakes', () => {
      const fields = Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`).join('\n');
      assert.throws(() => parseRecipe(fields), { message: new RegExp(`has ${LIMITS.MAX_SHAPE_ERRORS} problems`) });
    });

    it('has the same limits in the schema as in limits.ts', () => {
      const { properties, $defs } = schema;
      assert.equal(properties.steps.maxItems, LIMITS.MAX_STEPS);
      assert.equal(properties.personalise.maxItems, LIMITS.MAX_STEPS);
      assert.equal(properties.watch.maxItems, LIMITS.MAX_WATCHES);
      assert.equal(properties.media.maxProperties, LIMITS.MAX_MEDIA);
      assert.equal(properties.params.maxProperties, LIMITS.MAX_PARAMS);
      assert.equal($defs.acts.maxItems, LIMITS.MAX_ACTS);
      assert.equal($defs.step.properties.first_of.maxItems, LIMITS.MAX_BRANCHES);
      assert.equal($defs.conditions.maxItems, LIMITS.MAX_CONDITION_PARTS);
      assert.equal($defs.regex.maxLength, LIMITS.MAX_REGEX_LENGTH);
      assert.equal($defs.line.maxLength, LIMITS.MAX_LINE_LENGTH);
      assert.equal($defs.summary.maxLength, LIMITS.MAX_SUMMARY_LENGTH);
      assert.equal($defs.retries.maximum, LIMITS.MAX_RETRIES);
    });
  });
});
