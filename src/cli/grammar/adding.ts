/** What the files of this folder add commands with: each a commander specification, and what to load once it is asked for. */
import type { Command } from 'commander';
import type { Context } from '../context.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- commander hands over what the specification beside it says
export type Action = (context: Context, ...args: any[]) => Promise<number | undefined>;

/** Adds one command to `parent`: `spec` is commander's, `load` brings the function that does it. */
export type AddCommand = (parent: Command, spec: string, summary: string, load: () => Promise<Action>) => Command;

export const OFFLINE = 'do not wait for a peer: nothing of my feed is anywhere else';

/** An option that may be given more than once. A list after one flag would swallow the argument that follows it. */
export function together(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
