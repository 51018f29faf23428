/** Input: text and keys into a machine, each field read back from its screen. It never types on without having looked. */
export { holdEvents, keyEvents, textEvents } from './keyboard.ts';
