/** Values as YAML text in the style that recipes are written in: short things on one line, strings quoted as in JSON. */

/** Characters of one line before a value is written out over several. */
const LINE_WIDTH = 110;

/** Plain where YAML 1.2 cannot read it as anything but this text, in any place; quoted otherwise. */
function renderString(text: string): string {
  const plain = /^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$/.test(text);
  const taken = /^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  const size = /^[1-9][0-9]*([MG]|ms|s|m|h)$/.test(text);
  return (plain && !taken && text.length < 40) || size ? text : JSON.stringify(text);
}

function renderKey(key: string): string {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(key) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(key)
    ? key
    : JSON.stringify(key);
}

/** On one line, in flow style: valid in every place where a value may stand. */
export function renderInline(value: unknown): string {
  if (typeof value === 'string') return renderString(value);
  if (Array.isArray(value)) return `[${value.map(renderInline).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, inner]) => `${renderKey(key)}: ${renderInline(inner)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return String(value);
}

/** `key: value` lines, each with `indent` blanks before it and a line break behind it. */
export function renderField(key: string, value: unknown, indent: number): string {
  return `${' '.repeat(indent)}${renderKey(key)}:${renderFieldValue(value, indent)}\n`;
}

/** What stands behind the colon of a field that is indented by `indent`, without the last line break. */
export function renderFieldValue(value: unknown, indent: number): string {
  if (typeof value === 'string') return literalBlock(value, indent + 2) ?? ` ${renderString(value)}`;
  const inline = renderInline(value);
  if (typeof value !== 'object' || value === null || (indent + inline.length <= LINE_WIDTH && !inline.includes('\\n')))
    return ` ${inline}`;
  if (Array.isArray(value))
    return value.length === 0
      ? ' []'
      : `\n${value
          .map((item) => renderItem(item, indent + 2))
          .join('')
          .trimEnd()}`;
  const fields = Object.entries(value).map(([name, inner]) => renderField(name, inner, indent + 2));
  return fields.length === 0 ? ' {}' : `\n${fields.join('').trimEnd()}`;
}

/** One `- item` of a list. Steps and watches (they have an id) have their fields below each other. */
export function renderItem(item: unknown, indent: number): string {
  const dash = `${' '.repeat(indent)}- `;
  const isMap = typeof item === 'object' && item !== null && !Array.isArray(item);
  const inline = renderInline(item);
  const block =
    isMap && Object.keys(item).length > 0 && (Object.hasOwn(item, 'id') || indent + inline.length > LINE_WIDTH);
  if (!block) return `${dash}${inline}\n`;
  const fields = Object.entries(item).map(([key, value]) => renderField(key, value, indent + 2));
  return dash + fields.join('').slice(indent + 2);
}

/** `|` with the lines below, for text that it can hold exactly: whole lines, the first not indented or empty. */
function literalBlock(text: string, indent: number): string | undefined {
  const exact =
    /^[^\s][^\n]*\n/.test(text) &&
    text.endsWith('\n') &&
    !text.endsWith('\n\n') &&
    !/[\r\t]/.test(text) &&
    !/ \n/.test(text);
  if (!exact) return undefined;
  const lines = text.slice(0, -1).split('\n');
  return ` |\n${lines.map((line) => (line === '' ? '' : ' '.repeat(indent) + line)).join('\n')}`;
}

/** A whole document, one line an entry: what a file of it would hold, were it written by hand. */
export function renderRecipe(recipe: object): string[] {
  return Object.entries(recipe)
    .map(([key, value]) => renderField(key, value, 0))
    .join('')
    .trimEnd()
    .split('\n');
}
