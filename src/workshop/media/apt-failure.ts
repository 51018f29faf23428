/** Why apt failed, in words of ours. apt's own messages name the mirror, which is nobody's business but the machine's. */
import { type PortalgunError, RefusedError, UnavailableError } from '../../errors.ts';
import type { ToolRun } from './tool.ts';

interface Cause {
  readonly pattern: RegExp;
  readonly why: string;
  readonly refused?: true;
}

/** First match counts. */
const CAUSES: readonly Cause[] = [
  {
    pattern: /Hash Sum mismatch|Hashes of expected file|File has unexpected size/,
    why: 'a file is not what the signed index says',
    refused: true,
  },
  {
    pattern: /GPG error|is not signed|NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG/,
    why: 'a signature of the package source does not hold',
    refused: true,
  },
  {
    pattern: /is not valid yet|is expired|Release file .* expired/,
    why: "the package source's Release file is outside its time",
    refused: true,
  },
  {
    pattern: /Temporary failure resolving|Could not resolve/,
    why: 'the name of the package source could not be resolved: is there a network?',
  },
  {
    pattern: /Could not connect|Connection failed|Network is unreachable|timed out|Cannot initiate/,
    why: 'the package source did not answer: is there a network?',
  },
  { pattern: /404 {2}Not Found|File not found/, why: 'the package source no longer has a file' },
  { pattern: /Version '.*' for '.*' was not found/, why: 'the package source no longer offers this version' },
  { pattern: /Unable to locate package/, why: 'no package source offers this package' },
  { pattern: /Permission denied/, why: 'a folder cannot be written to' },
];

/** `doing`: "updating the package lists"; `command`: what a person can run to see apt's own words. */
export function aptFailure(code: string, doing: string, command: string, run: ToolRun): PortalgunError {
  if (/No space left on device/.test(run.stderr)) {
    return new UnavailableError('media/disk-full', `There is no room left on the disk for ${doing}.`, {
      hint: 'free some space, or set another folder for the media cache, and run the command again',
    });
  }
  const cause = CAUSES.find(({ pattern }) => pattern.test(run.stderr) || pattern.test(run.stdout));
  const why = cause?.why ?? `apt-get ended with exit status ${run.status}`;
  const details = { hint: `to see what apt says, run: ${command}`, facts: { status: run.status, why } };
  const message = `apt failed while ${doing}: ${why}.`;
  return cause?.refused ? new RefusedError(code, message, details) : new UnavailableError(code, message, details);
}
