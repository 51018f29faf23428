/** Where in the recipe what was done by hand is put. */
import assert from 'node:assert/strict';
import { UsageError } from '../../../src/errors.ts';
import { stepDigest } from '../../../src/recipe/digest.ts';
import { durationMs } from '../../../src/recipe/duration.ts';
import { applyOperations } from '../../../src/recipe/patch.ts';
import type { Condition, Recipe, Step } from '../../../src/recipe/types.ts';
import type { Observation } from '../../../src/workshop/provision/observer.ts';
import { outlasted, takenOver, type TakenOver } from '../../../src/workshop/provision/take-over.ts';
import type { StepFailure } from '../../../src/workshop/provision/types.ts';
import { paperScreen } from './paper-machine.ts';
import { createPictureReaders } from '../../../src/workshop/screen/picture-reader.ts';
import { reader, recipe } from './paper-run.ts';

const STEPS: readonly Step[] = [
  { id: 'begin', when: { text: 'Power on' }, do: [{ key: 'enter' }] },
  {
    id: 'middle',
    when: { text: 'Choose a place' },
    do: [{ menu: 'Here' }],
    expect: { text: 'A place was chosen' },
    checkpoint: true,
  },
  { id: 'end', when: { text: 'The end' }, do: [{ key: 'esc' }], expect: { text: 'Over and out' } },
];
const BY_HAND: readonly Step[] = [
  {
    id: 'licence',
    when: { text: 'A licence' },
    do: [{ type: 'portalgun' }, { key: 'enter' }],
    expect: { text: 'Accepted' },
  },
  { id: 'colour', do: [{ key: 'b' }], expect: { text: 'Blue it is, portalgun' } },
];

const signal = new AbortController().signal;
const pictures = createPictureReaders({
  recognise: (_screen, [x]) =>
    x === 0 ? Promise.resolve('Here it is') : Promise.reject(new UsageError('screen/no-recognition', 'not installed')),
  close: () => Promise.resolve(),
});

function observation(lines: readonly string[]): Observation {
  const screen = paperScreen(lines);
  const frame = { width: 1, height: 1, rgb: new Uint8Array(3), sequence: 2, capturedAtMs: 10 };
  const mark = {
    sentAtMs: 1,
    screen: paperScreen(['Something else']),
    frame: null,
    serialBytes: 0,
    events: 0,
    requests: 0,
  };
  return {
    frame,
    screen,
    serialLines: [],
    serialBytes: new Uint8Array(),
    events: [],
    requests: [],
    mark,
    changedAtMs: 5,
    activeAtGuestMs: 5,
    current: true,
  };
}

async function done(
  phase: StepFailure['phase'],
  left: readonly string[],
  rest: Partial<Recipe> = {},
  seen: readonly string[] = ['A licence'],
  all: readonly Step[] = STEPS,
) {
  const resolved = recipe(all, rest);
  const step = all[1] ?? assert.fail();
  const failure: StepFailure = {
    stepId: 'middle',
    stepDigest: stepDigest(step),
    phase,
    expected: step.expect ?? assert.fail(),
    reason: 'it was not seen',
    seen: paperScreen(seen),
    before: paperScreen(['Choose a place']),
    serialTail: '',
    nearest: [],
  };
  const taken: TakenOver = await takenOver({
    request: { resolved, step, failure, attempt: 1, checkpoints: [null] },
    recording: { start: [{ screen: failure.seen, fromMs: 0, untilMs: 900 }], inputs: [], off: false },
    steps: BY_HAND,
    last: observation(left),
    reader,
    pictures,
    durationMs,
    signal,
  });
  return { ...taken, steps: applyOperations(resolved.of, taken.operations).recipe.steps };
}

describe('what was done by hand', () => {
  it('comes before the step where the step can begin then', async () => {
    const { leadsTo, steps } = await done('when', ['Choose a place']);
    assert.equal(leadsTo, 'step');
    assert.deepEqual(
      steps.map(({ id }) => id),
      ['begin', 'licence', 'colour', 'middle', 'end'],
    );
    assert.deepEqual(steps[3], STEPS[1]);
  });

  it('comes after the acts that were sent, and ends with what the step expects', async () => {
    const { leadsTo, steps } = await done('expect', ['A place was chosen']);
    assert.equal(leadsTo, 'expectation');
    assert.deepEqual(steps[1], {
      id: 'middle',
      when: { text: 'Choose a place' },
      do: [{ menu: 'Here' }],
      expect: { text: 'A licence' },
    });
    assert.deepEqual(steps[2], { id: 'licence', do: BY_HAND[0]?.do, expect: BY_HAND[0]?.expect });
    assert.deepEqual(steps[3], { ...BY_HAND[1], expect: { text: 'A place was chosen' }, checkpoint: true });
  });

  it('stands in place of acts that could not be carried out, where the step began', async () => {
    const { leadsTo, steps } = await done('act', ['The end']);
    assert.equal(leadsTo, 'next-step');
    assert.deepEqual(steps[1], {
      id: 'middle',
      when: { text: 'Choose a place' },
      do: BY_HAND[0]?.do,
      expect: BY_HAND[0]?.expect,
    });
    assert.deepEqual(steps[2], { ...BY_HAND[1], checkpoint: true });
    assert.equal(steps.length, 4);
  });

  it('is told apart where the recipe does not go on from it', async () => {
    assert.equal((await done('when', ['Somewhere else'])).leadsTo, 'elsewhere');
  });

  it('is judged by pictures too: a needle, a colour, text that is recognised', async () => {
    const at = (x: number): Condition => ({ ocr: { area: [x, 0, 1, 1], text: 'Here it is' } });
    const leads = async (begins: Condition): Promise<string> => {
      const [first, middle, end] = STEPS as readonly [Step, Step, Step];
      const { leadsTo } = await done(
        'act',
        ['Nothing to read'],
        {},
        ['A licence'],
        [first, middle, { ...end, when: begins }],
      );
      return leadsTo;
    };
    assert.equal(await leads({ pixel: { at: [0, 0], colour: '#000000' } }), 'next-step');
    assert.equal(await leads({ pixel: { at: [0, 0], colour: '#ffffff' } }), 'elsewhere');
    assert.equal(await leads(at(0)), 'next-step');
    assert.equal(await leads(at(1)), 'elsewhere');
  });

  it('names the parameter where its value was typed or read', async () => {
    const params = { word: { type: 'string', default: 'portalgun' } } as const;
    const { steps } = await done('when', ['Choose a place'], { params });
    assert.deepEqual(steps[1]?.do?.[0], { type: '{{word}}' });
    assert.deepEqual(steps[2]?.expect, { text: 'Blue it is, {{word}}' });
    const acted = (await done('expect', ['A place was chosen'], { params }, ['Welcome to portalgun'])).steps;
    assert.deepEqual(acted[1]?.expect, { text: 'Welcome to {{word}}' });
  });

  it('is more time, where nothing was done and the expectation came after all', async () => {
    const resolved = recipe(STEPS);
    const step = STEPS[1] ?? assert.fail();
    const failure: StepFailure = {
      stepId: 'middle',
      stepDigest: stepDigest(step),
      phase: 'expect',
      expected: step.expect ?? assert.fail(),
      reason: 'it was not seen',
      seen: paperScreen(['Working']),
      serialTail: '',
      nearest: [],
    };
    const request = { resolved, step, failure, attempt: 1, checkpoints: [null] };
    const left = (line: string) => {
      const looked = observation([line]);
      return { ...looked, frame: { ...looked.frame, capturedAtMs: looked.mark.sentAtMs + 100_000 } };
    };
    const about = { request, reader, pictures, durationMs, signal, hostFactor: 2 };
    const operations = await outlasted({ ...about, last: left('A place was chosen') });
    const patched = applyOperations(resolved.of, operations).recipe.steps[1];
    assert.deepEqual(patched, { ...step, expect: { text: 'A place was chosen', timeout: '210s' } });
    assert.deepEqual(await outlasted({ ...about, last: left('Working') }), []);
  });
});
