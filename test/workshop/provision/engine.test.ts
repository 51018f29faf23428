import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InterruptedError, PortalgunError } from '../../../src/errors.ts';
import { digestHex } from '../../../src/crypto/digest.ts';
import { stepDigest } from '../../../src/recipe/digest.ts';
import type { Condition, Step } from '../../../src/recipe/types.ts';
import { SERIAL_TAIL_CHARACTERS } from '../../../src/workshop/provision/limits.ts';
import { StepFailedError } from '../../../src/workshop/provision/step-failed.ts';
import type { RepairSource } from '../../../src/workshop/provision/types.ts';
import type { Program } from './paper-machine.ts';
import { createPictureReaders } from '../../../src/workshop/screen/picture-reader.ts';
import { named, paper, recipe, senses, type Paper } from './paper-run.ts';

interface Dialogs {
  readonly page: number;
  readonly typed: string;
  /** How often the first Enter of this guest is ignored. */
  readonly deaf: number;
}

/** A small installer: language, name, done. */
function installer(
  pages: readonly string[] = ['Choose the language', 'Enter your name', 'All done'],
  deaf = 0,
): Program<Dialogs> {
  return {
    start: { page: 0, typed: '', deaf },
    draw: ({ page, typed }) => [pages[page] ?? '', `> ${typed}`],
    key: (state, key) => {
      if (key !== 'enter') return { ...state, typed: state.typed + key };
      if (state.deaf > 0) return { ...state, deaf: state.deaf - 1 };
      return { ...state, page: state.page + 1, typed: '' };
    },
  };
}

const STEPS: readonly Step[] = [
  {
    id: 'language',
    when: { text: 'Choose the language' },
    do: [{ key: 'enter' }],
    expect: { text: 'Enter your name' },
    checkpoint: true,
  },
  {
    id: 'name',
    when: { text: 'Enter your name' },
    do: [{ type: 'bob' }, { key: 'enter' }],
    expect: { text: 'All done' },
  },
];

/** Times that let a test of a failure end soon. */
const QUICK = { defaults: { timeout: '300ms', retries: 0, backoff: { from: '1ms', factor: 1, max: '1ms' } } };

/** Is done after so many looks at it. `busy`: until then the host gives it none of its processors. */
function worker(looksUntilDone: number, busy: boolean): Program<null> {
  const beganMs = performance.now();
  let looks = 0;
  let withheldMs = 0;
  return {
    start: null,
    draw: () => {
      looks += 1;
      return looks < looksUntilDone ? ['Working'] : ['All done'];
    },
    key: (state) => state,
    withheldMs: () => {
      if (busy && looks < looksUntilDone) withheldMs = performance.now() - beganMs;
      return withheldMs;
    },
  };
}

describe('the engine', () => {
  let bench: Paper;
  afterEach(() => bench.remove());

  it('waits in the guest’s time: a host that has no processor for it does not make a step fail', async () => {
    const steps: Step[] = [{ id: 'work', expect: { text: 'All done' } }];
    const looks = 30; // more than the step’s time
    bench = paper(worker(looks, true));
    await bench.run(recipe(steps, QUICK));
    bench.remove();
    bench = paper(worker(looks, false));
    await assert.rejects(bench.run(recipe(steps, QUICK)), { code: 'provision/step-failed' });
  });

  it('runs every step once, in order, and confirms each', async () => {
    bench = paper(installer());
    const { final, repairs, resumedFrom, machine, end } = await bench.run(recipe(STEPS));
    await end();
    assert.deepEqual(final.recipe.steps, STEPS);
    assert.deepEqual(repairs, []);
    assert.equal(resumedFrom, null);
    assert.equal(machine, bench.machines[0]);
    assert.deepEqual(bench.machines[0]?.pressed, ['enter', 'b', 'o', 'b', 'enter']);
    assert.deepEqual(
      named(bench.events, 'step-done').map((event) => 'step' in event && event.step),
      ['language', 'name'],
    );
    assert.equal(named(bench.events, 'seen').length, 4);
  });

  it('acts only on frames captured after the last input, and tells when', async () => {
    bench = paper(installer());
    await (await bench.run(recipe(STEPS))).end();
    let lastInput = -Infinity;
    for (const event of bench.events) {
      if (event.event === 'seen') assert.ok(event.capturedAtMs > lastInput, 'a match of an old frame');
      if (event.event === 'key') lastInput = event.sentAtMs;
      if (event.event === 'typed') lastInput = event.sentAtMs ?? assert.fail('the time of the first key is missing');
    }
  });

  it('is not satisfied by a text that stood there before the input', async () => {
    bench = paper(installer(['Menu: start', 'Menu: start']));
    const steps: Step[] = [
      { id: 'start', when: { text: 'Menu' }, do: [{ key: 'enter' }], expect: { text: 'Menu: start' } },
    ];
    await assert.rejects(bench.run(recipe(steps, QUICK)), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.equal(error.failure.phase, 'expect');
      assert.match(error.failure.reason, /was there before the last input/);
      return true;
    });
  });

  it('makes the next step confirm an act that has no expectation of its own', async () => {
    bench = paper(installer(['Page', 'Page']));
    const steps: Step[] = [
      { id: 'blind', when: { text: 'Page' }, do: [{ key: 'enter' }] },
      { id: 'next', when: { text: 'Page' }, do: [{ key: 'x' }], expect: { text: '> x' } },
    ];
    await assert.rejects(bench.run(recipe(steps, QUICK)), /the step "next" failed/);
    assert.deepEqual(bench.machines[0]?.pressed, ['enter']);
  });

  it('fails with what it expected, what it saw, and what came nearest', async () => {
    bench = paper(installer(['Choose the tongue']));
    await assert.rejects(bench.run(recipe(STEPS, QUICK)), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.equal(error.exitCode, 1);
      assert.equal(error.code, 'provision/step-failed');
      assert.deepEqual(error.facts['screen'], ['Choose the tongue', '>']);
      assert.equal(error.failure.phase, 'when');
      assert.equal(error.failure.nearest[0]?.line, 'Choose the tongue');
      return true;
    });
  });

  it('fails early on a still screen that says something else, long before its time', async () => {
    bench = paper(installer(['Choose the language', 'Error: no disk']));
    const first: Step = { ...(STEPS[0] ?? assert.fail()), expect: { text: 'Error' } };
    const slow = { defaults: { timeout: '1h', retries: 0 } };
    // A quarter of the default is not asked for: only a timeout of the condition's own makes it wait longer.
    const never: Step = { id: 'never', when: { text: 'never' } };
    await assert.rejects(
      bench.run(recipe([first, never], slow), { hostFactor: 0.02 }),
      /has been still .* "Error: no disk/,
    );
  });

  it('does not fail early while the recipe says that progress may stall', async () => {
    bench = paper(installer(['Unpacking 10%']));
    const running = bench.run(
      recipe([{ id: 'unpack', expect: { text: '100%', timeout: '1h', progress: { text: '[0-9]+%', stall: '1h' } } }]),
      { hostFactor: 0.001 },
    );
    await machineOf(bench);
    let looks = 0;
    await until(() => (looks += 1) > 50);
    await bench.machines[0]?.sendKeys(['1', '0', '0', '%'].map((key) => ({ key, down: true })));
    await (await running).end();
  });

  it('fails at once when a watch fires, whatever the step waits for', async () => {
    bench = paper(installer(['Kernel panic']));
    const watch = [{ id: 'panic', when: { text: 'Kernel panic' }, fail: 'the guest crashed' }];
    const steps: Step[] = [{ id: 'wait', when: { text: 'login:', timeout: '1h' } }];
    await assert.rejects(bench.run(recipe(steps, { watch, defaults: { retries: 0 } })), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.equal(error.failure.phase, 'watch');
      assert.match(error.message, /the guest crashed/);
      return true;
    });
  });

  it('takes the first branch whose condition holds', async () => {
    bench = paper(installer(['Partitioning method', 'ok']));
    const steps: Step[] = [
      {
        id: 'partition',
        first_of: [
          { when: { text: 'Force UEFI' }, do: [{ type: 'no' }] },
          { when: { text: 'Partitioning' }, do: [{ type: 'guided' }, { key: 'enter' }] },
        ],
        expect: { text: 'ok' },
      },
    ];
    await (await bench.run(recipe(steps))).end();
    assert.deepEqual(bench.machines[0]?.pressed, ['g', 'u', 'i', 'd', 'e', 'd', 'enter']);
  });

  it('expects what the branch that was taken says, and otherwise what the step says', async () => {
    const branch: Step = {
      id: 'partition',
      first_of: [
        { when: { text: 'Force UEFI' }, do: [{ key: 'enter' }], expect: { text: 'never' } },
        { when: { text: 'Partitioning' }, do: [{ key: 'enter' }], expect: { text: 'ok' } },
      ],
      expect: { text: 'never' },
    };
    bench = paper(installer(['Partitioning method', 'ok']));
    await (await bench.run(recipe([branch], QUICK))).end();
    bench.remove();
    bench = paper(installer(['Force UEFI', 'ok']));
    await assert.rejects(bench.run(recipe([branch], QUICK)), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.deepEqual([error.failure.phase, error.failure.expected], ['expect', { text: 'never' }]);
      return true;
    });
  });

  it('does its acts again until what it looks for is there, and not once more', async () => {
    bench = paper(installer(['one', 'two', 'three', 'four']));
    const again: Step = { id: 'on', do: [{ key: 'enter' }], repeat: { until: { text: 'three' }, at_most: 5 } };
    await (await bench.run(recipe([again]))).end();
    assert.deepEqual(bench.machines[0]?.pressed, ['enter', 'enter']);
  });

  it('does nothing where what is repeated for is there already', async () => {
    bench = paper(installer(['three', 'four']));
    const again: Step = { id: 'on', do: [{ key: 'enter' }], repeat: { until: { text: 'three' }, at_most: 5 } };
    await (await bench.run(recipe([again]))).end();
    assert.deepEqual(bench.machines[0]?.pressed, []);
  });

  it('threat 37: ends a repetition after its rounds', async () => {
    bench = paper(installer(Array.from({ length: 9 }, (_, page) => `page ${page}`)));
    const until: Condition = { text: 'never', timeout: '1ms' };
    const again: Step = { id: 'on', do: [{ key: 'enter' }], repeat: { until, at_most: 3 } };
    await assert.rejects(bench.run(recipe([again], QUICK)), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.match(error.failure.reason, /was not seen after all was done 3 times/);
      assert.deepEqual([error.failure.phase, error.failure.expected], ['expect', until]);
      return true;
    });
    assert.deepEqual(bench.machines[0]?.pressed, ['enter', 'enter', 'enter']);
  });

  describe('asked questions', () => {
    const questions = (more: Partial<Step> = {}, atMost = 1): Step => ({
      id: 'questions',
      prompts: {
        table: [
          { when: { text: 'Your name' }, do: [{ type: 'bob' }, { key: 'enter' }] },
          { when: { text: 'Your town' }, do: [{ type: 'ulm' }, { key: 'enter' }], at_most: atMost },
        ],
        until: { text: 'All done' },
      },
      ...more,
    });

    it('answers them in whatever order they come', async () => {
      bench = paper(installer(['Your town', 'Your name', 'All done']));
      await (await bench.run(recipe([questions()]))).end();
      assert.deepEqual(bench.machines[0]?.pressed, ['u', 'l', 'm', 'enter', 'b', 'o', 'b', 'enter']);
    });

    it('answers none where the end is there already', async () => {
      bench = paper(installer(['All done']));
      await (await bench.run(recipe([questions()]))).end();
      assert.deepEqual(bench.machines[0]?.pressed, []);
    });

    it('fails at a question that it does not know, with all that it would have answered', async () => {
      bench = paper(installer(['Your town', 'Your favourite colour', 'All done']));
      await assert.rejects(bench.run(recipe([questions()], QUICK)), (error) => {
        assert.ok(error instanceof StepFailedError);
        assert.equal(error.failure.phase, 'when');
        assert.deepEqual(error.failure.expected, {
          any: [{ text: 'All done' }, { text: 'Your name' }, { text: 'Your town' }],
        });
        assert.match(error.failure.seen.lines.join(''), /favourite colour/);
        return true;
      });
    });

    it('is mended by a patch that answers the question', async () => {
      bench = paper(installer(['Your town', 'Your favourite colour', 'All done']));
      const before = questions();
      const answered: Step = {
        ...before,
        prompts: {
          table: [
            ...(before.prompts?.table ?? []),
            { when: { text: 'favourite colour' }, do: [{ type: 'red' }, { key: 'enter' }] },
          ],
          until: { text: 'All done' },
        },
      };
      const sources: RepairSource[] = [
        {
          name: 'person',
          propose: async () => ({
            kind: 'patch',
            origin: 'human',
            summary: 'it asks for a colour now',
            operations: [{ op: 'replace-step', id: 'questions', was: stepDigest(before), step: answered }],
          }),
        },
      ];
      await (await bench.run(recipe([before], QUICK), { sources })).end();
      assert.deepEqual(bench.machines.at(-1)?.pressed, ['u', 'l', 'm', 'enter', 'r', 'e', 'd', 'enter']);
    });

    it('threat 37: answers each question as often as it says, and then fails', async () => {
      // Somewhere else each time: the same words in the same place could be those of before.
      const pages = Array.from({ length: 9 }, (_, page) => `${' '.repeat(page)}Your town`);
      bench = paper(installer(pages));
      await assert.rejects(bench.run(recipe([questions({}, 3)], QUICK)), (error) => {
        assert.ok(error instanceof StepFailedError);
        assert.match(error.failure.reason, /"Your town" was asked again, after it was answered 3 times/);
        return true;
      });
      assert.equal(bench.machines[0]?.pressed.filter((key) => key === 'enter').length, 3);
    });
  });

  it('waits as long as the step says where a condition says nothing of its own', async () => {
    bench = paper(installer(['Something']));
    const patient: Step = { id: 'patient', expect: { text: 'never' }, timeout: '250ms' };
    await assert.rejects(bench.run(recipe([patient], { defaults: { timeout: '1h', retries: 0 } })), /within 250 ms/);
  });

  it('fails once progress that it saw stands still, though the screen does not', async () => {
    let turn = 0;
    bench = paper({ start: 0, draw: () => ['Unpacking 42%', `busy ${(turn += 1)}`], key: (state) => state });
    const progress = { text: '[0-9]+%', stall: '200ms' };
    const step: Step = { id: 'unpack', expect: { text: 'done', timeout: '1h', progress } };
    await assert.rejects(bench.run(recipe([step], { defaults: { retries: 0 } })), /"42%" has not changed for 200 ms/);
  });

  it('retries in place where the screen is again the one that the step begins with', async () => {
    bench = paper(installer(undefined, 1));
    const again = { defaults: { timeout: '200ms', retries: 1, backoff: { from: '1ms', factor: 1, max: '1ms' } } };
    await (await bench.run(recipe(STEPS, again))).end();
    assert.equal(bench.machines.length, 1);
    assert.equal(named(bench.events, 'step-failed').length, 1);
    assert.deepEqual(
      named(bench.events, 'step-start').map((event) => event.event === 'step-start' && [event.step, event.try]),
      [
        ['language', 1],
        ['language', 2],
        ['name', 1],
      ],
    );
  });

  it('goes back to the last checkpoint where a failed step has changed the screen', async () => {
    let wrong = 1;
    const program = installer();
    bench = paper({
      ...program,
      key: (state: Dialogs, key) =>
        key === 'enter' && state.page === 1 && wrong-- > 0 ? { ...state, page: 7 } : program.key(state, key),
    });
    await (await bench.run(recipe(STEPS, { defaults: { timeout: '200ms', retries: 1 } }))).end();
    assert.equal(bench.machines.length, 2);
    assert.deepEqual(
      named(bench.events, 'rolled-back').map((event) => 'to' in event && event.to),
      ['language'],
    );
    assert.deepEqual(bench.machines[1]?.pressed, ['b', 'o', 'b', 'enter']);
  });

  it('does not retry a failure that repeats itself', async () => {
    bench = paper(installer(['Something else']));
    const retries = { defaults: { timeout: '100ms', retries: 9, backoff: { from: '1ms', factor: 1, max: '1ms' } } };
    await assert.rejects(bench.run(recipe(STEPS, retries)), StepFailedError);
    assert.equal(named(bench.events, 'step-failed').length, 2);
  });

  it('resumes from the deepest checkpoint, and only a changed step voids it', async () => {
    bench = paper(installer());
    await (await bench.run(recipe(STEPS))).end();
    const second = await bench.run(recipe(STEPS));
    await second.end();
    assert.equal(second.resumedFrom, 'language');
    assert.deepEqual(bench.machines[1]?.pressed, ['b', 'o', 'b', 'enter']);

    const changedLater = [STEPS[0] ?? assert.fail(), { ...(STEPS[1] ?? assert.fail()), summary: 'changed' }];
    const third = await bench.run(recipe(changedLater));
    await third.end();
    assert.equal(third.resumedFrom, 'language');

    const changedFirst = [{ ...(STEPS[0] ?? assert.fail()), summary: 'changed' }, STEPS[1] ?? assert.fail()];
    const fourth = await bench.run(recipe(changedFirst));
    await fourth.end();
    assert.equal(fourth.resumedFrom, null);
  });

  it('keeps the state before the last step: what a change of that costs is that', async () => {
    bench = paper(installer(['one', 'two', 'three', 'four']));
    const on = (id: string, text: string): Step => ({ id, do: [{ key: 'enter' }], expect: { text } });
    const long = [on('a', 'two'), on('b', 'three'), on('c', 'four')];
    await (await bench.run(recipe(long))).end();
    const changed = await bench.run(recipe([...long.slice(0, 2), { ...on('c', 'four'), summary: 'changed' }]));
    await changed.end();
    assert.equal(changed.resumedFrom, 'b');
    assert.deepEqual(bench.machines[1]?.pressed, ['enter']);
    // A step after it makes another one the last: the state is found all the same.
    const longer = await bench.run(
      recipe([...long.slice(0, 2), { id: 'c', expect: { text: 'three' } }, on('d', 'four')]),
    );
    await longer.end();
    assert.equal(longer.resumedFrom, 'b');
  });

  it('keeps no state that a restored machine could not go on from', async () => {
    const kept = async (...steps: readonly Step[]): Promise<string[]> => {
      bench = paper({
        ...installer(['one', 'two', 'three']),
        serial: (state: Dialogs, line) => ({ state, says: `${line}!\r\n` }),
      });
      await (await bench.run(recipe(steps))).end();
      const made = (await bench.store.list()).map(({ step }) => step);
      bench.remove();
      return made;
    };
    const first: Step = { id: 'a', do: [{ serial: 'hello\n' }], expect: { serial: 'hello!' } };
    const last = (rest: Partial<Step>): Step => ({ id: 'b', do: [{ key: 'enter' }], expect: { text: 'two' }, ...rest });
    assert.deepEqual(await kept(first, last({})), ['a']);
    assert.deepEqual(await kept(first, last({ when: { serial: 'hello!' } })), []);
    const { expect: _, ...unconfirmed } = first;
    assert.deepEqual(await kept(unconfirmed, last({})), []);
    bench = paper(installer());
  });

  it('begins exactly at the checkpoint that is asked for, or says which there are', async () => {
    bench = paper(installer(['one', 'two', 'three', 'four']));
    const on = (id: string, text: string): Step => ({
      id,
      do: [{ key: 'enter' }],
      expect: { text },
      checkpoint: true,
    });
    const steps = [on('a', 'two'), on('b', 'three'), on('c', 'four')];
    await (await bench.run(recipe(steps))).end();
    for (const checkpoint of ['a', digestHex((await bench.store.list())[0]?.key ?? assert.fail()).slice(0, 8)]) {
      const again = await bench.run(recipe(steps), { from: { checkpoint } });
      await again.end();
      assert.equal(again.resumedFrom, 'a');
    }
    await assert.rejects(bench.run(recipe(steps), { from: { checkpoint: 'd' } }), (error) => {
      assert.ok(error instanceof PortalgunError);
      assert.equal(error.code, 'build/no-such-checkpoint');
      assert.match(error.hint ?? '', /^It has: a \([0-9a-f]+.*, b \(.*, c \(/);
      return true;
    });
  });

  it('begins at power-on where that is asked for', async () => {
    bench = paper(installer());
    await (await bench.run(recipe(STEPS))).end();
    const second = await bench.run(recipe(STEPS), { from: { step: null } });
    await second.end();
    assert.equal(second.resumedFrom, null);
  });

  it('is interrupted by Ctrl-C with a state to resume from', async () => {
    bench = paper(installer(['Choose the language', 'Enter your name', 'Nothing that was expected']));
    const control = new AbortController();
    const slow = { defaults: { timeout: '1h', retries: 0 } };
    const running = bench.run(recipe(STEPS, slow), {
      signal: control.signal,
      hostFactor: 1000,
      emit: (event) => {
        if (event.event === 'typed') control.abort();
      },
    });
    await assert.rejects(running, (error) => {
      assert.ok(error instanceof InterruptedError);
      assert.equal(error.exitCode, 130);
      assert.match(error.hint ?? '', /run the same command again/);
      return true;
    });
    const [checkpoint] = await bench.store.list();
    assert.equal(checkpoint?.step, 'language');
  });

  it('names the step at which the machine died', async () => {
    bench = paper(installer());
    const running = bench.run(recipe(STEPS, { defaults: { timeout: '1h' } }), {
      emit: (event) => {
        if (event.event === 'checkpoint') bench.machines[0]?.die();
      },
    });
    await assert.rejects(running, (error) => {
      assert.ok(error instanceof PortalgunError);
      assert.equal(error.code, 'provision/machine-died');
      assert.match(error.message, /during the step "name".*signal SIGKILL/s);
      return true;
    });
    const second = await bench.run(recipe(STEPS));
    await second.end();
    assert.equal(second.resumedFrom, 'language');
  });

  it('waits for an event of the machine', async () => {
    bench = paper(installer());
    const steps: Step[] = [...STEPS, { id: 'off', do: [{ power: 'off' }], expect: { event: 'shutdown' } }];
    await (await bench.run(recipe(steps))).end();
  });

  it('sends the end of a serial line only after its echo, so that the echo cannot satisfy the step', async () => {
    bench = paper({
      ...installer(['console']),
      serial: (state: Dialogs, line) => ({ state, says: line === 'echo DONE' ? 'DONE\r\n# ' : '?' }),
    });
    const steps: Step[] = [{ id: 'run', do: [{ serial: 'echo DONE\n' }], expect: { serial: { regex: '^DONE$' } } }];
    await (await bench.run(recipe(steps))).end();
    const silent = [{ ...(steps[0] ?? assert.fail()), do: [{ serial: 'echo DONE2\n' }], expect: { serial: 'DONE2' } }];
    await assert.rejects(bench.run(recipe(silent, QUICK)), StepFailedError);
  });

  it('lets go of its checkpoints where the machine cannot be closed, and says why it could not', async () => {
    bench = paper(installer());
    const { end } = await bench.run(recipe(STEPS));
    assert.equal((await sessionsOf(bench)).length, 1);
    unclosable(bench);
    await assert.rejects(end(), /no room to write/);
    assert.deepEqual(await sessionsOf(bench), []);
  });

  it('tells of the step that failed, and lets go of its checkpoints, where the machine cannot be closed', async () => {
    bench = paper(installer(['Choose the language', 'Out of paper']));
    const resolved = recipe(STEPS, QUICK);
    const source: RepairSource = {
      name: 'nobody',
      propose: () => {
        unclosable(bench);
        return Promise.resolve(undefined);
      },
    };
    await assert.rejects(bench.run(resolved, { sources: [source] }), { code: 'provision/step-failed' });
    assert.deepEqual(await sessionsOf(bench), []);
  });

  it('uses a secret only on the way to the machine', async () => {
    bench = paper(installer(['Password:', 'changed']));
    const personalise: Step[] = [
      {
        id: 'password',
        when: { text: 'Password:' },
        do: [{ type: '{{root}}' }, { key: 'enter' }],
        expect: { text: 'changed' },
      },
    ];
    const secrets = new Map([['root', 'swordfish']]);
    await (
      await bench.run(recipe(STEPS, { params: { root: { type: 'secret' } }, personalise }), {
        part: 'personalise',
        secrets,
      })
    ).end();
    assert.deepEqual(bench.machines[0]?.pressed, ['s', 'w', 'o', 'r', 'd', 'f', 'i', 's', 'h', 'enter']);
    assert.ok(!JSON.stringify(bench.events).includes('swordfish'));
    assert.deepEqual(await bench.store.list(), []);
  });

  it('tells nobody of a secret that the guest shows', async () => {
    bench = paper(installer(['Password:', 'refused']));
    const personalise: Step[] = [
      { id: 'password', when: { text: 'Password:' }, do: [{ type: '{{root}}' }], expect: { text: 'accepted' } },
    ];
    const secrets = new Map([['root', 'swordfish']]);
    const resolved = recipe(STEPS, { ...QUICK, params: { root: { type: 'secret' } }, personalise });
    await assert.rejects(bench.run(resolved, { part: 'personalise', secrets }), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.match(error.failure.seen.lines.join(''), /> •{9} /);
      const told = JSON.stringify([bench.events, error.failure, error.facts, error.message]);
      assert.ok(!told.includes('swordfish'));
      return true;
    });
  });

  it('threat 39: tells nothing of a secret that runs over the end of a row', async () => {
    // Five characters on one row and four on the next, which mean nothing to a masker by themselves.
    const lines = [`${'Password:'.padEnd(35)}sword`, 'fish is refused, says the guest'];
    bench = paper({ ...installer(), draw: () => lines });
    const personalise: Step[] = [{ id: 'password', expect: { text: 'fish is taken' } }];
    const secrets = new Map([['root', 'swordfish']]);
    const resolved = recipe(STEPS, {
      defaults: { ...QUICK.defaults, timeout: '10m' },
      params: { root: { type: 'secret' } },
      personalise,
    });
    // A very fast host: nothing is waited for long.
    const run = bench.run(resolved, { part: 'personalise', secrets, hostFactor: 0.01 });
    await assert.rejects(run, (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.match(
        error.failure.reason,
        /the screen has been still for .* and says "Password: +•{5} \/ •{4} is refused/,
      );
      assert.ok(error.failure.nearest.some(({ line }) => line.startsWith('•••• is refused')));
      assert.doesNotMatch(JSON.stringify([error.failure.nearest, error.failure.reason]), /fish is refused/);
      return true;
    });
  });

  it('threat 39: tells nothing of a secret that the serial line’s tail was cut in', async () => {
    const says = `swordfish${'.'.repeat(SERIAL_TAIL_CHARACTERS - 5)}`;
    bench = paper({ ...installer(), serial: (state) => ({ state, says }) });
    const personalise: Step[] = [{ id: 'ask', do: [{ serial: 'x\n' }], expect: { serial: 'never said' } }];
    const secrets = new Map([['root', 'swordfish']]);
    const resolved = recipe(STEPS, { ...QUICK, params: { root: { type: 'secret' } }, personalise });
    await assert.rejects(bench.run(resolved, { part: 'personalise', secrets }), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.equal(error.failure.serialTail, '•••••'.padEnd(SERIAL_TAIL_CHARACTERS, '.'));
      return true;
    });
  });

  it('threat 39: tells nothing of what was recognised, where it may be a secret with a letter misread', async () => {
    const pictures = createPictureReaders({
      recognise: () => Promise.resolve('the password is sw0rdf1sh'),
      close: () => Promise.resolve(),
    });
    const personalise: Step[] = [
      { id: 'password', expect: { ocr: { area: [0, 0, 9, 9], text: 'Password changed' }, timeout: '50ms' } },
    ];
    const reasonWith = async (secrets: ReadonlyMap<string, string>): Promise<string> => {
      bench = paper(installer());
      const resolved = recipe(STEPS, { ...QUICK, params: { root: { type: 'secret' } }, personalise });
      const options = { part: 'personalise', secrets, senses: { ...senses(), pictures } } as const;
      const failed = await bench.run(resolved, options).catch((error: unknown) => error);
      assert.ok(failed instanceof StepFailedError);
      return failed.failure.reason;
    };
    assert.match(await reasonWith(new Map([['root', 'swordfish']])), /\(something else is recognised there\)$/);
    bench.remove();
    assert.match(await reasonWith(new Map()), /\(recognised there: "the password is sw0rdf1sh"\)$/);
  });
});

function sessionsOf(bench: Paper): Promise<string[]> {
  return readdir(join(bench.folder, 'checkpoints', 'sessions'));
}

/** As where QEMU's last words find no room on the disk. */
function unclosable({ machines }: Paper): void {
  const machine = machines.at(-1);
  if (machine) machine.close = () => Promise.reject(new Error('no room to write'));
}

async function machineOf(bench: Paper): Promise<void> {
  await until(() => bench.machines.length > 0);
}

/** Turns of the event loop until something holds: no clock. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
