/** What the engine does with a recipe's words about keyboard and pointer, on machines made of paper. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FailedError } from '../../../src/errors.ts';
import type { Step } from '../../../src/recipe/types.ts';
import { planMachine } from '../../../src/workshop/build/plan.ts';
import type { VerifiedMedia } from '../../../src/workshop/media/types.ts';
import { powerOnKey } from '../../../src/workshop/provision/checkpoint-key.ts';
import { createSuggestionRepair } from '../../../src/workshop/provision/suggest.ts';
import { StepFailedError } from '../../../src/workshop/provision/step-failed.ts';
import { paperTypist, type Program } from './paper-machine.ts';
import { named, paper, reader, recipe, senses, type Paper } from './paper-run.ts';

/** Counts what is pressed; says so, and on which layout it was told to be. */
const counter: Program<{ downs: number; did: string }> = {
  start: { downs: 0, did: '' },
  draw: ({ downs, did }) => ['A list of things', `entry number ${downs}`, did],
  key: (state, key) => (key === 'down' ? { ...state, downs: state.downs + 1 } : { ...state, did: `did ${key}` }),
};

const QUICK = { defaults: { timeout: '300ms', retries: 0, backoff: { from: '1ms', factor: 1, max: '1ms' } } };
const SEEN = { text: 'A list of things' };

describe('acts of the engine', () => {
  let bench: Paper;
  afterEach(() => bench.remove());

  async function run(steps: readonly Step[], options: object = {}) {
    const result = await bench.run(recipe(steps, QUICK), { hostFactor: 0.1, ...options });
    await result.end();
    return bench.machines.at(-1)?.pressed ?? [];
  }

  const until = (text: string, atMost?: number): Step => ({
    id: 'move',
    when: SEEN,
    do: [{ key: 'down', until: { text }, ...(atMost !== undefined && { at_most: atMost }) }, { key: 'x' }],
    expect: { text: 'did x' },
  });

  it('press a key until what is wanted is seen, and not once more', async () => {
    bench = paper(counter);
    assert.deepEqual(await run([until('entry number 5')]), [...Array<string>(5).fill('down'), 'x']);
  });

  it('press nothing where it is to be seen already', async () => {
    bench = paper(counter);
    assert.deepEqual(await run([until('entry number 0')]), ['x']);
  });

  it('stop pressing at the bound, and say what was not reached', async () => {
    bench = paper(counter);
    await assert.rejects(run([until('entry number 9', 3)]), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.equal(error.failure.phase, 'act');
      assert.match(error.failure.reason, /down was pressed 3 times, and still there is no the text "entry number 9"/);
      assert.equal(error.failure.nearest[0]?.line.trim(), 'entry number 3');
      return true;
    });
    assert.deepEqual(bench.machines[0]?.pressed, ['down', 'down', 'down']);
  });

  it('are done by the pointer and told, with what they were about', async () => {
    bench = paper(counter);
    const step: Step = {
      id: 'point',
      when: SEEN,
      do: [{ move: { at: [1, 2] } }, { check: 'SSH' }, { click: { text: 'entry number' } }],
      expect: { text: 'did click' },
    };
    assert.deepEqual(await run([step]), ['move {"at":[1,2]}', 'tick SSH', 'click {"text":"entry number"}']);
    const told = named(bench.events, 'key').map((event) => 'key' in event && event.key);
    assert.deepEqual(told, ['hover at 1, 2', 'tick "SSH"', 'click on the text "entry number"']);
  });

  it('fail as acts that a person can mend where a click finds nothing', async () => {
    bench = paper(counter);
    const typist = (hands: Parameters<typeof paperTypist>[0]) => ({
      ...paperTypist(hands),
      click: () => Promise.reject<void>(new FailedError('input/not-on-screen', 'nothing to point at')),
    });
    const step: Step = { id: 'p', when: SEEN, do: [{ click: { text: 'entry numbers' } }], expect: { text: 'did' } };
    await assert.rejects(run([step], { senses: { ...senses(), typist } }), (error) => {
      assert.ok(error instanceof StepFailedError);
      assert.deepEqual([error.failure.phase, error.failure.nearest[0]?.line.trim()], ['act', 'entry number 0']);
      return true;
    });
  });

  const ejecting = (letsGo: () => boolean) => {
    bench = paper({ ...counter, letsGo });
    const step: Step = { id: 'out', when: SEEN, do: [{ eject: 'cd' }, { key: 'x' }], expect: { text: 'did x' } };
    const disc = { file: 'a.iso', sha256: '0'.repeat(64), drive: 'cd' } as const;
    return bench.run(recipe([step], { ...QUICK, media: { disc } }), { hostFactor: 0.01 });
  };

  it('wait for a guest that holds its drive closed, and change the medium once it lets go', async () => {
    let asked = 0;
    await (await ejecting(() => (asked += 1) > 2)).end();
    assert.equal(asked, 3);
    assert.deepEqual(
      named(bench.events, 'medium').map((event) => 'medium' in event && [event.drive, event.medium]),
      [['cd', null]],
    );
  });

  it('fail as acts that a person can mend where the guest never lets go of its drive', async () => {
    await assert.rejects(
      ejecting(() => false),
      (error) => {
        assert.ok(error instanceof StepFailedError);
        assert.deepEqual([error.failure.phase, error.failure.reason], ['act', 'the guest holds its drive closed']);
        assert.ok(error.cause instanceof Error && error.cause.cause instanceof FailedError);
        assert.equal(error.cause.cause.code, 'input/tray-locked');
        return true;
      },
    );
    assert.deepEqual(named(bench.events, 'medium'), []);
  });

  const renamed: readonly (readonly [NonNullable<Step['do']>[number], object])[] = [
    [
      { click: { text: 'Continue now' }, button: 'right' },
      { click: { text: 'Continue' }, button: 'right' },
    ],
    [{ click: { text: { string: 'Continue now', line: 7 } } }, { click: { text: { string: 'Continue' } } }],
    [{ check: 'Continue now' }, { check: 'Continue' }],
    [
      { drag: { from: { at: [1, 2] }, to: { text: 'Continue now' } } },
      { drag: { from: { at: [1, 2] }, to: { text: 'Continue' } } },
    ],
  ];
  for (const [act, mended] of renamed) {
    it(`are mended by what the screen says instead: ${JSON.stringify(act)}`, async () => {
      bench = paper({
        start: '',
        draw: (did: string) => (did === '' ? ['Dialog', 'Continue'] : ['Done with it']),
        key: (_, key) => key,
      });
      const typist = (hands: Parameters<typeof paperTypist>[0]) => {
        const found = (what: unknown) =>
          JSON.stringify(what).includes('Continue now')
            ? Promise.reject<void>(new FailedError('input/not-on-screen', 'not there'))
            : hands.sendKeys([{ key: 'hit', down: true }]);
        return {
          ...paperTypist(hands),
          click: found,
          tick: found,
          drag: (from: object, to: object) => found([from, to]),
        };
      };
      const step: Step = { id: 'p', when: { text: 'Dialog' }, do: [act], expect: { text: 'Done with it' } };
      const { final, end } = await bench.run(recipe([step], QUICK), {
        hostFactor: 0.1,
        senses: { ...senses(), typist },
        sources: [createSuggestionRepair(reader, 0.5)],
      });
      await end();
      assert.deepEqual(final.recipe.steps[0]?.do, [mended]);
    });
  }

  it('are typed on the layout that the recipe has come to, also after a checkpoint', async () => {
    bench = paper(counter);
    const layouts: string[] = [];
    const typist = (hands: Parameters<typeof paperTypist>[0]) => {
      let now = 'none';
      return {
        ...paperTypist(hands),
        useLayout: (name: string) => {
          now = name;
        },
        type: async (text: string) => {
          layouts.push(`${text}: ${now}`);
          await hands.sendKeys([{ key: 'y', down: true }]);
          return { retyped: 0 };
        },
      };
    };
    const steps: readonly Step[] = [
      {
        id: 'a',
        when: SEEN,
        do: [{ type: 'one' }, { layout: 'fr' }, { type: 'two' }],
        expect: { text: 'did y' },
        checkpoint: true,
      },
      { id: 'b', do: [{ type: 'three' }, { key: 'z' }], expect: { text: 'did z' } },
    ];
    const german = { ...QUICK, machine: { arch: 'x86_64', memory: '64M', keyboard: 'de' } as const };
    const begun = (options = {}) => bench.run(recipe(steps, german), { senses: { ...senses(), typist }, ...options });
    await (await begun()).end();
    const resumed = await begun();
    await resumed.end();
    assert.equal(resumed.resumedFrom, 'a');
    assert.deepEqual(layouts, ['one: de', 'two: fr', 'three: fr', 'three: fr']);
  });
});

describe('a machine for pointing', () => {
  const media = { disks: {} } as unknown as VerifiedMedia;
  const signal = new AbortController().signal;
  const acting = (act: NonNullable<Step['do']>[number]) =>
    recipe([{ id: 'a', when: SEEN, do: [act], expect: { text: 'after' } }]);

  it('has a tablet where the recipe points, and is what it was where it does not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pg-plan-'));
    try {
      const typing = acting({ menu: 'Continue' });
      const pointing = acting({ click: { text: 'Continue' } });
      const [without, with_] = [
        await planMachine(typing, media, folder, signal),
        await planMachine(pointing, media, folder, signal),
      ];
      assert.equal(with_.config.pointer, 'tablet');
      // Part of every checkpoint's key: a field too many would void the checkpoints of all recipes.
      assert.ok(!('pointer' in without.config));
      const key = (resolved: typeof typing, plan: typeof without) =>
        powerOnKey({ resolved, ...plan, qemuVersion: '7.2.0', accelerator: 'tcg' });
      assert.notEqual(key(typing, without), key(pointing, with_));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
