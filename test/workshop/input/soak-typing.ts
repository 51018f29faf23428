/** Types random lines into a guest behind a bad keyboard, and compares what arrived. */
import { strokeOn, type KeyboardName } from '../../../src/recipe/keyboards.ts';
import { createPace } from '../../../src/workshop/input/pace.ts';
import { typeText } from '../../../src/workshop/input/typing.ts';
import { seeded } from '../../support/random.ts';
import { ps2Guest, type Ps2Options } from './ps2-guest.ts';

export interface Soak {
  readonly characters: number;
  /** Lines whose text was not what was typed, with what arrived. */
  readonly wrong: readonly { readonly typed: string; readonly arrived: string }[];
  /** Lines that were given up: said, and never passed for typed. */
  readonly givenUp: readonly { readonly typed: string; readonly error: unknown }[];
  readonly retyped: number;
  readonly injected: { readonly lost: number; readonly doubled: number; readonly busy: number };
  readonly overflowedBytes: number;
  /** Of the guest's time. */
  readonly charactersPerSecond: number;
}

const LONGEST_LINE = 160;

/** A tenth and a half blanks, also in runs; the rest is anything that the layout can type. */
export function randomLine(random: () => number, layout: KeyboardName = 'us', longest = LONGEST_LINE): string {
  const typable = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index)).filter(
    (char) => strokeOn(layout, char) !== undefined,
  );
  const one = () => typable[Math.floor(random() * typable.length)] ?? 'x';
  const length = 1 + Math.floor(random() * longest);
  const middle = Array.from({ length }, () => (random() < 0.15 ? ' ' : one())).join('');
  return `${one()}${middle}${one()}`;
}

export async function soakTyping(characters: number, options: Ps2Options): Promise<Soak> {
  const random = seeded((options.seed ?? 1) * 7919);
  const guest = ps2Guest(options);
  const { machine, eyes, clock } = guest;
  const pace = createPace();
  const wrong: { typed: string; arrived: string }[] = [];
  const givenUp: { typed: string; error: unknown }[] = [];
  let typed = 0;
  let retyped = 0;
  while (typed < characters) {
    const text = randomLine(random, options.layout);
    try {
      const result = await typeText({ machine, eyes, clock, pace, text, layout: options.layout ?? 'us' });
      retyped += result.retyped;
      const arrived = guest.text();
      if (arrived !== text) wrong.push({ typed: text, arrived });
    } catch (error) {
      givenUp.push({ typed: text, error });
    }
    typed += text.length;
    guest.newLine();
  }
  return {
    characters: typed,
    wrong,
    givenUp,
    retyped,
    injected: guest.injected,
    overflowedBytes: guest.overflowed(),
    charactersPerSecond: (typed * 1000) / clock.now(),
  };
}
