/** How a running build is told: one line a step for people, one JSON line an event for programs. */
import { clearLine, cursorTo } from 'node:readline';
import { shortDigest } from '../crypto/digest.ts';
import type { BuildEvent } from '../workshop/provision/types.ts';
import type { Context } from './context.ts';
import { bytes, jsonLine, note, paint, printLine, seconds } from './output.ts';

const PHASES: Readonly<Record<string, string>> = {
  media: 'verifying media',
  boot: 'starting the machine',
  steps: 'following the steps',
  measure: 'measuring the disk',
  personalise: 'personalising',
  store: 'storing the image',
};

export function buildProgress(context: Context, watch: boolean): (event: BuildEvent) => void {
  if (context.json) return (event) => printLine(context, jsonLine(event));
  const live = context.stdout.isTTY === true && context.environment['TERM'] !== 'dumb';
  let bar = false;
  /** A person reads, or their keys go to the machine: what goes on beside that draws nothing over it. */
  let asking = false;
  const line = (text: string): void => {
    if (bar) wipe(context);
    bar = false;
    printLine(context, text);
  };
  const dim = (text: string): string => paint(context, 'stdout', 'dim', text);
  return (event) => {
    switch (event.event) {
      case 'phase':
        return line(
          `${dim(at(event.atMs))} ${PHASES[event.phase] ?? event.phase}${event.detail === undefined ? '' : `: ${event.detail}`}`,
        );
      case 'progress':
        if (!live || asking) return;
        wipe(context);
        bar = true;
        return void context.stdout.write(progressBar(event));
      case 'step-start':
        asking = false;
        if (event.try > 1) line(`${dim(at(event.atMs))}   ${event.step}: try ${event.try}`);
        return;
      case 'step-done':
        return line(
          `${dim(at(event.atMs))} ${paint(context, 'stdout', 'green', '✓')} ${event.step} ${dim(seconds(event.tookMs))}`,
        );
      case 'step-failed':
        line(`${dim(at(event.atMs))} ${paint(context, 'stdout', 'red', '✗')} ${event.step}: ${event.reason}`);
        if (watch) for (const row of event.screen) line(`           | ${row}`);
        return;
      case 'resumed':
        return line(`${dim(at(event.atMs))} going on after ${event.step} (checkpoint)`);
      case 'rolled-back':
        return line(`${dim(at(event.atMs))} rolled back to ${event.to === null ? 'power-on' : `after ${event.to}`}`);
      case 'repair-asked':
        asking = true;
        return line(`${dim(at(event.atMs))}   asking: ${event.source}`);
      case 'patch-passed-over':
        return note(context, `patch ${shortDigest(event.record)} is not used: ${event.reason}`);
      case 'repair':
        asking = false;
        return line(`${dim(at(event.atMs))}   ${event.source}: ${event.summary}`);
      case 'request':
        return line(`${dim(at(event.atMs))}   ${requestLine(event)}`);
      case 'checkpoint':
        if (watch)
          line(`${dim(at(event.atMs))}   checkpoint after ${event.step}, ${bytes(event.memoryBytes)} of memory`);
        return;
      default:
        return;
    }
  };
}

function requestLine({ outcome, what }: Extract<BuildEvent, { event: 'request' }>): string {
  const words: Readonly<Record<typeof outcome, string>> = {
    served: `the guest has fetched ${what}`,
    missing: `the guest asked for ${what}, which the recipe does not serve`,
    passed: `the guest fetched ${what}`,
    refused: `the guest tried to reach ${what}: refused`,
  };
  return words[outcome];
}

function at(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`;
}

function progressBar(event: Extract<BuildEvent, { event: 'progress' }>): string {
  if (event.total <= 0) return `         ${event.what}: ${bytes(event.done)}`;
  const share = Math.min(1, event.done / event.total);
  const filled = Math.round(share * 20);
  return `         [${'#'.repeat(filled)}${'.'.repeat(20 - filled)}] ${Math.round(share * 100)} % ${event.what}`.slice(
    0,
    79,
  );
}

function wipe(context: Context): void {
  cursorTo(context.stdout, 0);
  clearLine(context.stdout, 0);
}
