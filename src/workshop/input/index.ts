/**
 * Input: text, keys, menu choices and clicks into a machine, each read back from its screen.
 *
 * Promises: what `typeText` says it typed is on the screen, character by character; no modifier stays pressed; a menu entry is chosen
 * only when the highlighted row is that entry; nothing is clicked that is not there exactly once. Never: a fixed pause instead of a look, the typed text in a message.
 */
export { holdEvents, keyEvents, releaseModifiers, textEvents } from './keyboard.ts';
export { chooseFromMenu, tickInMenu } from './menu.ts';
export type { MenuOptions } from './menu.ts';
export { clickOn, drag, moveTo } from './pointer.ts';
export { createPace } from './pace.ts';
export type { Pace } from './pace.ts';
export { typeText } from './typing.ts';
export type { Typed, TypeOptions } from './typing.ts';
export { createTypist } from './typist.ts';
export type { Typist, TypistOptions } from './typist.ts';
