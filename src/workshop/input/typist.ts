/** One pair of hands for one machine: text, keys, menus and the pointer, on one layout, with what was learned about its pace. */
import { DEFAULT_KEYBOARD, type KeyboardName } from '../../recipe/keyboards.ts';
import type { SeenPlace } from '../../recipe/types.ts';
import type { Machine } from '../machine/types.ts';
import type { Eyes } from '../screen/types.ts';
import { holdEvents, keyEvents } from './keyboard.ts';
import { chooseFromMenu, tickInMenu } from './menu.ts';
import { createPace, type Pace } from './pace.ts';
import { clickOn, drag, moveTo, type ClickOptions } from './pointer.ts';
import { typeText } from './typing.ts';
import type { Typed } from './typing.ts';

export interface Typist {
  /** The layout that the guest has from now on. `us` until this is called. */
  useLayout(layout: KeyboardName): void;
  type(
    text: string,
    options?: { readonly clear?: boolean; readonly echo?: boolean },
    signal?: AbortSignal,
  ): Promise<Typed>;
  /** One key or chord (`enter`, `ctrl-x`), pressed and released. */
  press(key: string, signal?: AbortSignal): Promise<void>;
  hold(key: string, signal?: AbortSignal): Promise<void>;
  release(key: string, signal?: AbortSignal): Promise<void>;
  /** Moves the highlight of the list on the screen to `entry`, verifies it, and presses Enter. */
  choose(entry: string, signal?: AbortSignal): Promise<void>;
  /** The same, and ticks or unticks the entry's checkbox unless it is so already. */
  tick(entry: string, ticked: boolean, signal?: AbortSignal): Promise<void>;
  click(place: SeenPlace, options?: ClickOptions, signal?: AbortSignal): Promise<void>;
  move(place: SeenPlace, signal?: AbortSignal): Promise<void>;
  drag(from: SeenPlace, to: SeenPlace, signal?: AbortSignal): Promise<void>;
}

export interface TypistOptions {
  readonly machine: Machine;
  readonly eyes: Eyes;
  /** Multiplies the patience with which echoes are awaited. Default 1. */
  readonly hostFactor?: number;
  /** What was learned about this guest's pace, by the typist before this one. */
  readonly pace?: Pace;
}

export function createTypist({ machine, eyes, hostFactor, pace = createPace() }: TypistOptions): Typist {
  const bench = { machine, eyes, hostFactor };
  let layout: KeyboardName = DEFAULT_KEYBOARD;
  return {
    useLayout: (name) => {
      layout = name;
    },
    type: (text, options = {}, signal) => typeText({ ...bench, ...options, text, layout, pace, signal }),
    async press(key, signal) {
      signal?.throwIfAborted();
      await machine.sendKeys(keyEvents(key, layout), signal);
    },
    hold: async (key, signal) => machine.sendKeys(holdEvents(key, true, layout), signal),
    release: async (key, signal) => machine.sendKeys(holdEvents(key, false, layout), signal),
    choose: (entry, signal) => chooseFromMenu({ ...bench, entry, signal }),
    tick: (entry, ticked, signal) => tickInMenu({ ...bench, entry, ticked, signal }),
    click: (place, options, signal) => clickOn({ ...bench, signal }, place, options),
    move: (place, signal) => moveTo({ ...bench, signal }, place),
    drag: (from, to, signal) => drag({ ...bench, signal }, from, to),
  };
}
