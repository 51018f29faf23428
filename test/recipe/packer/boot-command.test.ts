import assert from 'node:assert/strict';
import { blindSteps } from '../../../src/recipe/packer/blind-steps.ts';
import { parseBootCommand, SPECIAL_KEYS, type BootEvent } from '../../../src/recipe/packer/boot-command.ts';
import { MAX_BOOT_COMMAND, MAX_BOOT_EVENTS } from '../../../src/recipe/packer/limits.ts';
import { parameterMarker, secretMarker } from '../../../src/recipe/packer/marked.ts';
import { chordOf } from '../../../src/recipe/keys.ts';
import type { Act } from '../../../src/recipe/types.ts';

const text = (it: string): BootEvent => ({ kind: 'text', text: it });
const key = (it: string): BootEvent => ({ kind: 'key', key: it });
const wait = (ms: number): BootEvent => ({ kind: 'wait', ms });

/** After the grammar of packer-plugin-sdk: what is no tag is typed as it stands. */
const FORMS: readonly (readonly [string, readonly BootEvent[]])[] = [
  ['', []],
  ['linux', [text('linux')]],
  ['<wait>', [wait(1_000)]],
  ['<wait5>', [wait(5_000)]],
  ['<wait10s>', [wait(10_000)]],
  ['<wait1m30s>', [wait(90_000)]],
  ['<wait1.5s>', [wait(1_500)]],
  ['<wait250ms>', [wait(250)]],
  ['<wait1h>', [wait(3_600_000)]],
  ['<Wait>', [text('<Wait>')]],
  ['<wait5x>', [text('<wait5x>')]],
  ['<waitress>', [text('<waitress>')]],
  ['<ENTER><Enter><enter>', [key('enter'), key('enter'), key('enter')]],
  ['a<enter>b', [text('a'), key('enter'), text('b')]],
  ['<leftCtrlOn>c<leftCtrlOff>', [{ kind: 'on', key: 'ctrl' }, text('c'), { kind: 'off', key: 'ctrl' }]],
  ['<LEFTALTON>', [{ kind: 'on', key: 'alt' }]],
  [
    '<aOn><aOff>',
    [
      { kind: 'on', key: 'a' },
      { kind: 'off', key: 'a' },
    ],
  ],
  ['<>On>', [{ kind: 'on', key: '>' }]],
  ['<f1><f12><f13>', [key('f1'), key('f12'), text('<f13>')]],
  ['<foo>', [text('<foo>')]],
  ['a < b', [text('a < b')]],
  ['<<enter>', [text('<'), key('enter')]],
  ['<', [text('<')]],
  ['<enter', [text('<enter')]],
  ['naïve→🙂', [text('naïve→🙂')]],
];

describe('the boot commands of Packer', () => {
  for (const [command, events] of FORMS) {
    it(`are read as its grammar has them: ${JSON.stringify(command)}`, () => {
      assert.deepEqual(parseBootCommand(command), events);
    });
  }

  it('know every special key, in any case, pressed, held and let go of; and each is a key here', () => {
    const packers =
      `bs del enter esc f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 return tab up down spacebar insert home end pageUp
      pageDown leftAlt leftCtrl leftShift rightAlt rightCtrl rightShift leftSuper rightSuper leftCommand rightCommand
      leftOption rightOption left right menu`.split(/\s+/);
    assert.deepEqual(packers.map((name) => name.toLowerCase()).toSorted(), [...SPECIAL_KEYS.keys()].toSorted());
    for (const name of packers) {
      const ours = SPECIAL_KEYS.get(name.toLowerCase()) ?? assert.fail(name);
      assert.ok(chordOf(ours, 'us'), `${ours} is no key of a recipe`);
      assert.deepEqual(parseBootCommand(`<${name}><${name.toUpperCase()}On><${name}off>`), [
        key(ours),
        { kind: 'on', key: ours },
        { kind: 'off', key: ours },
      ]);
    }
  });

  it('are refused where a wait is for nothing, as Packer does, or for a day, or where there is no end of them', () => {
    for (const [command, why] of [
      ['<wait0>', /waits for no time/],
      ['<wait-5s>', /waits for no time/],
      ['<wait999h>', /waits longer than/],
      ['x'.repeat(MAX_BOOT_COMMAND + 1), /more than/],
      ['<up>'.repeat(MAX_BOOT_EVENTS + 1), /more than/],
    ] as const)
      assert.throws(() => parseBootCommand(command), why);
  });
});

function acts(command: string): (readonly Act[])[] {
  return blindSteps(parseBootCommand(command), 1_000)
    .steps.slice(1)
    .map((step) => step.do ?? []);
}

describe('a draft of a boot command', () => {
  it('has a step for what is sent between two waits, and the time of the wait', () => {
    const { steps, missing } = blindSteps(
      parseBootCommand('<wait2>c<wait500ms><wait>ls<enter><enter><wait1m>halt'),
      10_000,
    );
    assert.deepEqual(
      steps.map(({ id, do: done, expect }) => [id, done, expect]),
      [
        ['boot', undefined, { still: '12s' }],
        ['boot-2', [{ key: 'c' }], { still: '1500ms' }],
        ['boot-3', [{ type: 'ls' }, { key: 'enter' }, { key: 'enter' }], { still: '1m' }],
        ['boot-4', [{ type: 'halt' }], { still: '1s' }],
      ],
    );
    assert.deepEqual(missing, []);
    assert.ok(steps.every(({ not_run: reason }) => reason !== undefined));
  });

  it('turns held keys into chords, and a key that was held over nothing into one that is pressed', () => {
    assert.deepEqual(acts('<leftCtrlOn><leftAltOn><delOn><delOff><leftAltOff><leftCtrlOff>'), [
      [{ key: 'ctrl-alt-delete' }],
    ]);
    assert.deepEqual(acts('<leftCtrlOn>cX <leftCtrlOff>'), [
      [{ key: 'ctrl-c' }, { key: 'ctrl-shift-x' }, { key: 'ctrl-space' }],
    ]);
    assert.deepEqual(acts('<rightAltOn><f2><rightAltOff>'), [[{ key: 'altgr-f2' }]]);
    assert.deepEqual(acts('<leftShiftOn>abc<leftShiftOff>'), [[{ type: 'ABC' }]]);
    assert.deepEqual(acts('<leftShiftOn><wait5><leftShiftOff>'), [[{ key: 'shift' }]]);
  });

  it('says which keys are never let go of, or were not held, and that a line break presses nothing', () => {
    const { missing } = blindSteps(parseBootCommand('<f2Off><leftCtrlOn>a'), 1_000);
    assert.deepEqual(missing, ['f2 is let go of and was not held', 'ctrl is never let go of']);
    assert.match(blindSteps(parseBootCommand('ls\n'), 1_000).missing.join(), /line breaks/);
  });

  it('types what nobody has given yet as a parameter, and no secret', () => {
    assert.deepEqual(acts(`host=${parameterMarker('Host-Name')}`), [[{ type: 'host={{host_name}}' }]]);
    assert.throws(() => acts(`x${secretMarker('pw')}`), /sensitive variable pw/);
    assert.throws(() => acts('{{ x }}'), /double braces/);
    assert.throws(() => acts('prix: €'), /"€" is not on a US keyboard/);
  });

  it('is as many steps as it takes where one cannot hold it all', () => {
    const many = acts('<up>'.repeat(100));
    assert.deepEqual(
      many.map(({ length }) => length),
      [64, 36],
    );
    assert.deepEqual(
      acts('x'.repeat(2_500)).map((list) => list.map((act) => ('type' in act ? act.type.length : 0))),
      [[1000, 1000, 500]],
    );
  });
});
