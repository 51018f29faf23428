/** `author/name` globs: which recipes a rule is about. A bare name is never enough, for anybody may use it. */

export interface RecipeGlob {
  /** A pet name, an author id, `me` or `*`. */
  readonly author: string;
  /** May hold `*`, which stands for any run of characters. */
  readonly name: string;
}

const GLOB = /^(?<author>\*|[A-Za-z0-9][A-Za-z0-9_.:-]*)\/(?<name>[A-Za-z0-9_.*-]+)$/;

/** `undefined` when the text is not of the form `author/name`. */
export function parseRecipeGlob(text: string): RecipeGlob | undefined {
  const groups = GLOB.exec(text)?.groups;
  if (groups?.['author'] === undefined || groups['name'] === undefined) return undefined;
  return { author: groups['author'], name: groups['name'] };
}

/** Matches in time linear in the text for each `*`: pieces are found from left to right, never by backtracking. */
export function globMatches(glob: string, text: string): boolean {
  const pieces = glob.split('*');
  const [first = '', ...rest] = pieces;
  if (rest.length === 0) return glob === text;
  if (!text.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let position = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return text.length - position >= last.length && text.endsWith(last);
}
