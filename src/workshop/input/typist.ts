/** One pair of hands for one machine: text, keys and menus, with what was learned about its pace. */
import type { Machine } from '../machine/types.ts';
import type { Eyes } from '../screen/types.ts';
import { holdEvents, keyEvents } from './keyboard.ts';
import { chooseFromMenu } from './menu.ts';
import { createPace } from './pace.ts';
import { typeText } from './typing.ts';
import type { Typed } from './typing.ts';

export interface Typist {
  type(
    text: string,
    options?: { readonly clear?: boolean; readonly echo?: boolean },
    signal?: AbortSignal,
  ): Promise<Typed>;
  /** One key or chord (`enter`, `ctrl-x`), pressed and released. */
  press(key: string, signal?: AbortSignal): Promise<void>;
  hold(key: string): Promise<void>;
  release(key: string): Promise<void>;
  /** Moves the highlight of the list on the screen to `entry`, verifies it, and presses Enter. */
  choose(entry: string, signal?: AbortSignal): Promise<void>;
}

export interface TypistOptions {
  readonly machine: Machine;
  readonly eyes: Eyes;
  /** Multiplies the patience with which echoes are awaited. Default 1. */
  readonly hostFactor?: number;
}

export function createTypist({ machine, eyes, hostFactor }: TypistOptions): Typist {
  const pace = createPace();
  const bench = { machine, eyes, hostFactor };
  return {
    type: (text, options = {}, signal) => typeText({ ...bench, ...options, text, pace, signal }),
    async press(key, signal) {
      signal?.throwIfAborted();
      await machine.sendKeys(keyEvents(key));
    },
    hold: async (key) => machine.sendKeys(holdEvents(key, true)),
    release: async (key) => machine.sendKeys(holdEvents(key, false)),
    choose: (entry, signal) => chooseFromMenu({ ...bench, entry, signal }),
  };
}
