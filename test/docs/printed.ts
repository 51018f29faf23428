/** What a page shows people type, and what they see: blocks of `console` in which `alice$` is Alice's machine. */

export interface Command {
  readonly person: string;
  readonly line: string;
  /** Lines as the page shows them. */
  readonly expected: string[];
}

export interface Section {
  readonly title: string;
  readonly commands: Command[];
}

/** A page's sections (of its second level), with what is typed in each. */
export function transcriptsOf(page: string): Section[] {
  return page
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const commands: Command[] = [];
      const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```/gm)];
      for (const line of blocks.flatMap(([, block = '']) => block.trimEnd().split('\n'))) {
        const prompt = /^(\w+)\$ (.*)$/.exec(line);
        if (prompt) commands.push({ person: prompt[1] ?? '', line: prompt[2] ?? '', expected: [] });
        else commands.at(-1)?.expected.push(line);
      }
      return { title: text.split('\n', 1)[0] ?? '', commands };
    });
}

/** What a page shows of a command's output, as a pattern of what it really prints: `…` in a line stands for anything in it, a line of its own for any lines. */
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
