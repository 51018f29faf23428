import assert from 'node:assert/strict';
import { UsageError } from '../../../src/errors.ts';
import { foldText } from '../../../src/workshop/screen/fold.ts';
import { findText } from '../../../src/workshop/screen/match.ts';
import { nearestLines, substringDistance } from '../../../src/workshop/screen/nearest.ts';
import { screenOf } from './painted.ts';

const DIALOG = screenOf([
  '                                          ',
  '   ┌───────┤ [!] Partition disks ├──────┐ ',
  '   │                                    │ ',
  '   │ If you continue, the changes will  │ ',
  '   │ be written to the disks.           │ ',
  '   │                                    │ ',
  '   │     <Yes>                <No>      │ ',
  '   └────────────────────────────────────┘ ',
  'debian login:                             ',
]);

describe('findText', () => {
  it('gives every place within rows, from the top', () => {
    const screen = screenOf(['one two one', 'none']);
    assert.deepEqual(findText(screen, 'one'), [
      { row: 0, column: 0, length: 3 },
      { row: 0, column: 8, length: 3 },
      { row: 1, column: 1, length: 3 },
    ]);
  });

  it('follows a sentence from row to row, through the frame of a dialog', () => {
    assert.deepEqual(findText(DIALOG, 'the changes will be written to the disks.'), [
      { row: 3, column: 22, length: 16 },
    ]);
  });

  it('follows text that a terminal broke in the middle of a word', () => {
    const screen = screenOf(['grub> linux /vmlin', 'uz root=/dev/vda1 ']);
    assert.deepEqual(findText(screen, '/vmlinuz root='), [{ row: 0, column: 12, length: 6 }]);
  });

  it('does not find what only half stands there', () => {
    assert.deepEqual(findText(DIALOG, 'the changes will not be written'), []);
    assert.deepEqual(findText(DIALOG, '   '), []);
  });

  it('keeps the blanks of the wanted text within a row', () => {
    assert.equal(findText(DIALOG, 'login: ').length, 1);
    assert.equal(findText(DIALOG, '<Yes> <No>').length, 1, 'flowed, a run of blanks is one');
  });

  it('looks in one row, counted from the top or from the bottom', () => {
    assert.equal(findText(DIALOG, { string: 'login:', line: -1 }).length, 1);
    assert.equal(findText(DIALOG, { string: 'login:', line: 0 }).length, 0);
    assert.equal(findText(DIALOG, { string: 'Partition', line: 1 }).length, 1);
  });

  it('looks within an area of columns and rows', () => {
    assert.deepEqual(findText(DIALOG, { string: '<No>', area: [20, 6, 20, 1] }), [{ row: 6, column: 30, length: 4 }]);
    assert.deepEqual(findText(DIALOG, { string: '<Yes>', area: [20, 0, 20, 9] }), []);
  });

  it('matches regular expressions against rows, with and without the blanks at their end', () => {
    assert.deepEqual(findText(DIALOG, { regex: '[a-z]+ login:$' }), [{ row: 8, column: 0, length: 13 }]);
    assert.equal(findText(DIALOG, { regex: 'login: ' }).length, 1);
    assert.deepEqual(findText(DIALOG, { regex: '^login' }), []);
  });

  it('refuses a regular expression that needs backtracking', () => {
    const refused = (error: unknown) => error instanceof UsageError && error.code === 'screen/bad-pattern';
    assert.throws(() => findText(DIALOG, { regex: '(a)\\1' }), refused);
    assert.throws(() => findText(DIALOG, {}), refused);
  });

  it('finds highlighted text only, where the style is asked for', () => {
    const screen = screenOf(['  Yes  ', '  No   ', '  No   ', '       '], { highlighted: (row) => row === 1 });
    assert.deepEqual(findText(screen, { string: 'No', style: 'inverse' }), [{ row: 1, column: 2, length: 2 }]);
    assert.deepEqual(findText(screen, { string: 'Yes', style: 'inverse' }), []);
  });

  it('finds Cyrillic that was read as Latin, and Latin that was asked for in Cyrillic', () => {
    assert.equal(findText(screenOf(['Бeлapуcкaя']), 'Беларуская').length, 1);
    assert.equal(findText(screenOf(['copy']), 'сору').length, 1);
  });
});

describe('foldText', () => {
  it('gives one character for one, so that columns stay', () => {
    const text = 'АЕ — “x” ﻲﺑﺮﻋ 中 ’';
    assert.equal(foldText(text).length, text.length);
    assert.equal(foldText('“a” – ‘b’'), '"a" - \'b\'');
  });

  it('leaves letters alone that have looks of their own', () => {
    assert.equal(foldText('Жяß žø'), 'Жяß žø');
  });
});

describe('nearestLines', () => {
  it('puts the line first that a changed wording came from', () => {
    const screen = screenOf([
      'Debian installer',
      'Choose a language:',
      'Select your location',
      'Configure the keyboard',
    ]);
    const [best] = nearestLines(screen, 'Choose the language');
    assert.equal(best?.row, 1);
    assert.equal(best.line, 'Choose a language:');
    assert.ok(best.similarity > 0.7 && best.similarity < 1);
  });

  it('says 1 for the text itself, inside a longer line or with other blanks', () => {
    assert.equal(nearestLines(screenOf(['  ** Ready to  install **  ']), 'Ready to install')[0]?.similarity, 1);
  });

  it('gives no more than was asked for, and nothing for an empty wish', () => {
    const screen = screenOf(['aaa', 'aab', 'abb', 'bbb']);
    assert.equal(nearestLines(screen, 'aaa', 2).length, 2);
    assert.deepEqual(nearestLines(screen, '  '), []);
  });

  it('counts edits against the best part of a line', () => {
    assert.equal(substringDistance('cat', 'concatenate'), 0);
    assert.equal(substringDistance('cot', 'concatenate'), 1);
    assert.equal(substringDistance('xyz', 'abc'), 3);
  });
});
