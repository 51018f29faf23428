/** Relations between packages: `Depends: a (>= 1) | b, c:any` (Debian policy 7.1). */
import { isRelation, type Relation } from './version.ts';

export interface Alternative {
  readonly name: string;
  readonly relation?: Relation;
  readonly version?: string;
}

/** One thing that is needed: any of the alternatives, the first being preferred. */
export interface Clause {
  readonly alternatives: readonly Alternative[];
  /** As written, for messages. */
  readonly text: string;
}

/** What a package offers besides its own name; without a version it satisfies only unversioned dependencies. */
export interface Provided {
  readonly name: string;
  readonly version: string | undefined;
}

/** `name[:arch] [(relation version)]`; the single `<` and `>` of old packages mean `<=` and `>=`. */
const ALTERNATIVE = /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?$/;

/** Throws an Error that quotes the part that cannot be read. */
export function parseClauses(field: string | undefined): Clause[] {
  return items(field).map((text) => ({ text, alternatives: text.split('|').map((part) => parseAlternative(part)) }));
}

export function parseProvides(field: string | undefined): Provided[] {
  return items(field).map((text) => {
    const { name, version } = parseAlternative(text);
    return { name, version };
  });
}

function items(field: string | undefined): string[] {
  return (field ?? '')
    .split(',')
    .map((item) => item.replaceAll(/\s+/g, ' ').trim())
    .filter((item) => item !== '');
}

function parseAlternative(part: string): Alternative {
  const match = ALTERNATIVE.exec(part.trim());
  const name = match?.[1];
  if (name === undefined) throw new Error(`"${part.trim()}" is not a relation between packages`);
  const written = match?.[2];
  const version = match?.[3];
  if (written === undefined || version === undefined) return { name };
  const relation = written === '<' ? '<=' : written === '>' ? '>=' : written;
  if (!isRelation(relation)) throw new Error(`"${written}" is not a relation between versions`);
  return { name, relation, version };
}
