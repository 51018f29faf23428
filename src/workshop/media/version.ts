/** Debian version numbers, compared as dpkg does (Debian policy 5.6.12; deb-version(7)). */

/** Below 0: `a` is older; 0: equal; above 0: `a` is newer. */
export function compareVersions(a: string, b: string): number {
  const left = split(a);
  const right = split(b);
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  );
}

/** How a relation judges the order of an offered version to the wanted one. */
const RELATIONS = {
  '<<': (order: number) => order < 0,
  '<=': (order: number) => order <= 0,
  '=': (order: number) => order === 0,
  '>=': (order: number) => order >= 0,
  '>>': (order: number) => order > 0,
} as const;

export type Relation = keyof typeof RELATIONS;

export function isRelation(text: string): text is Relation {
  return Object.hasOwn(RELATIONS, text);
}

export function satisfies(version: string, relation: Relation, wanted: string): boolean {
  return RELATIONS[relation](compareVersions(version, wanted));
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    // No revision is the same as revision 0.
    revision: dash < 0 ? '0' : rest.slice(dash + 1),
  };
}

/** Alternately a run of non-digits, compared by `weight`, and a run of digits, compared as a number. */
function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const order = weight(a, i) - weight(b, j);
      if (order !== 0) return order;
      i++;
      j++;
    }
    while (a[i] === '0') i++;
    while (b[j] === '0') j++;
    let firstDifference = 0;
    while (isDigit(a, i) && isDigit(b, j)) {
      if (firstDifference === 0) firstDifference = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    if (isDigit(a, i)) return 1;
    if (isDigit(b, j)) return -1;
    if (firstDifference !== 0) return firstDifference;
  }
  return 0;
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 48 && code <= 57;
}

/** A tilde sorts before the end, the end before letters, letters before all else. A digit counts as the end. */
function weight(text: string, index: number): number {
  if (index >= text.length || isDigit(text, index)) return 0;
  const char = text.charAt(index);
  if (char === '~') return -1;
  const code = text.charCodeAt(index);
  return /[A-Za-z]/.test(char) ? code : code + 256;
}
