/** What is wrong with a text of one kind, wherever in a recipe it stands. */
import { parseDuration } from './duration.ts';
import { printable, type Path } from './problems.ts';
import { compileRegex } from './regex.ts';

/** Takes down a problem; `atKey`: it is the field's name that is wrong, not its value. */
export type Say = (path: Path, message: string, atKey?: boolean) => void;

/** Relative, with plain parts: it must not be able to leave the package, or the recipe's folder. */
export function filePathProblem(text: string | undefined, path: Path, say: Say): void {
  if (text === undefined) return;
  const parts = (text.startsWith('./') ? text.slice(2) : text).split('/');
  if (text.includes('\\') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    say(path, `found ${printable(text)}, expected a relative path without "..", "." or empty parts`);
  }
}

export function regexProblem(source: string, path: Path, say: Say): void {
  const compiled = compileRegex(source);
  if (!compiled.ok)
    say(
      path,
      `the regular expression ${printable(source)} is not valid (RE2 syntax): ${printable(compiled.problem).slice(1, -1)}`,
    );
}

export function durationProblem(duration: string | undefined, path: Path, say: Say): void {
  if (duration !== undefined && parseDuration(duration) === undefined) {
    say(path, `found ${printable(duration)}, expected a duration from 1ms to 24h`);
  }
}
