/** Where in the recipe what was done by hand is put. */
import assert from 'node:assert/strict';
import { stepDigest } from '../../../src/recipe/digest.ts';
import { durationMs } from '../../../src/recipe/duration.ts';
import { applyOperations } from '../../../src/recipe/patch.ts';
import type { Recipe, Step } from '../../../src/recipe/types.ts';
import type { Observation } from '../../../src/workshop/provision/observer.ts';
import { outlasted, takenOver, type TakenOver } from '../../../src/workshop/provision/take-over.ts';
import type { StepFailure } from '../../../src/workshop/provision/types.ts';
import { paperScreen } from './paper-machine.ts';
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

function observation(lines: readonly string[]): Observation {
  const screen = paperScreen(lines);
  const frame = { width: 1, height: 1, rgb: new Uint8Array(3), sequence: 2, capturedAtMs: 10 };
  const mark = { sentAtMs: 1, screen: paperScreen(['Something else']), frame: null, serialBytes: 0, events: 0 };
  return {
    frame,
    screen,
    serialLines: [],
    serialBytes: new Uint8Array(),
    events: [],
    mark,
    changedAtMs: 5,
    activeAtMs: 5,
    current: true,
  };
}

function done(
  phase: StepFailure['phase'],
  left: readonly string[],
  rest: Partial<Recipe> = {},
  seen: readonly string[] = ['A licence'],
) {
  const resolved = recipe(STEPS, rest);
  const step = STEPS[1] ?? assert.fail();
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
  const taken: TakenOver = takenOver({
    request: { resolved, step, failure, attempt: 1, checkpoints: [null] },
    recording: { start: [{ screen: failure.seen, fromMs: 0, untilMs: 900 }], inputs: [], off: false },
    steps: BY_HAND,
    last: observation(left),
    reader,
    durationMs,
  });
  return { ...taken, steps: applyOperations(resolved.of, taken.operations).recipe.steps };
}

describe('what was done by hand', () => {
  it('comes before the step where the step can begin then', () => {
    const { leadsTo, steps } = done('when', ['Choose a place']);
    assert.equal(leadsTo, 'step');
    assert.deepEqual(
      steps.map(({ id }) => id),
      ['begin', 'licence', 'colour', 'middle', 'end'],
    );
    assert.deepEqual(steps[3], STEPS[1]);
  });

  it('comes after the acts that were sent, and ends with what the step expects', () => {
    const { leadsTo, steps } = done('expect', ['A place was chosen']);
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

  it('stands in place of acts that could not be carried out, where the step began', () => {
    const { leadsTo, steps } = done('act', ['The end']);
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

  it('is told apart where the recipe does not go on from it', () => {
    assert.equal(done('when', ['Somewhere else']).leadsTo, 'elsewhere');
  });

  it('names the parameter where its value was typed or read', () => {
    const params = { word: { type: 'string', default: 'portalgun' } } as const;
    const { steps } = done('when', ['Choose a place'], { params });
    assert.deepEqual(steps[1]?.do?.[0], { type: '{{word}}' });
    assert.deepEqual(steps[2]?.expect, { text: 'Blue it is, {{word}}' });
    const acted = done('expect', ['A place was chosen'], { params }, ['Welcome to portalgun']).steps;
    assert.deepEqual(acted[1]?.expect, { text: 'Welcome to {{word}}' });
  });

  it('is more time, where nothing was done and the expectation came after all', () => {
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
    const about = { request, reader, durationMs, hostFactor: 2 };
    const operations = outlasted({ ...about, last: left('A place was chosen') });
    const patched = applyOperations(resolved.of, operations).recipe.steps[1];
    assert.deepEqual(patched, { ...step, expect: { text: 'A place was chosen', timeout: '210s' } });
    assert.deepEqual(outlasted({ ...about, last: left('Working') }), []);
  });
});
