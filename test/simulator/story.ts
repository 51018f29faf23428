/** A test that a seed decides. `PORTALGUN_SIM_SEED=n` plays one of them again. */
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import { summary } from './properties.ts';
import type { World } from './world.ts';

const GIVEN = process.env['PORTALGUN_SIM_SEED'];
/** Others on every day would find more, and nobody could tell what a change has broken: the bench takes new ones. */
const SEEDS: readonly number[] = GIVEN === undefined ? [20261127, 4104] : [Number(GIVEN)];

export interface Story {
  readonly seed: number;
  readonly random: Random;
  /** To be told which world it is, so that a failure can say what had happened in it. */
  readonly watch: (world: World) => void;
}

export function story(title: string, tell: (story: Story) => Promise<void>): void {
  for (const seed of SEEDS) {
    it(`${title} (seed ${seed})`, async () => {
      const worlds: World[] = [];
      try {
        await tell({ seed, random: createRandom(seed, title), watch: (world) => worlds.push(world) });
      } catch (error) {
        const happened = worlds.map((world) => `  ${summary(world)}`).join('\n');
        const again = `PORTALGUN_SIM_SEED=${seed} npm test -- test/simulator`;
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${happened}\n  again: ${again}`, {
          cause: error,
        });
      }
    });
  }
}
