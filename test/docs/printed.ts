/** What a page shows of a command's output, as a pattern of what it really prints. */

/** `…` in a line stands for anything in it, a line of its own for any lines. */
export function patternOf(lines: readonly string[]): RegExp {
  const quoted = lines.map((line) =>
    line === '…'
      ? '(?:.*\n)*?'
      : `${line
          .split('…')
          .map((part) => RegExp.escape(part))
          .join('.*')}\n`,
  );
  return new RegExp(`^${quoted.join('')}$`);
}
