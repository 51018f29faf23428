/** Debian control data (deb822(5)): "Field: value" lines, continued by lines that start with white space. */

/** Fields of one stanza. Continuation lines stay in the value, separated by "\n". Throws an Error naming the bad line. */
export function parseStanza(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let current: string | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (current === undefined) throw new Error(`a continuation line stands before any field: "${line.slice(0, 60)}"`);
      fields.set(current, `${fields.get(current)}\n${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`a line has no field name: "${line.slice(0, 60)}"`);
    // Field names are compared without case; Debian writes them one way only, so the second spelling is a trick.
    const name = line.slice(0, colon).toLowerCase();
    if (fields.has(name)) throw new Error(`the field "${name}" is there twice`);
    fields.set(name, line.slice(colon + 1).trim());
    current = name;
  }
  return fields;
}
