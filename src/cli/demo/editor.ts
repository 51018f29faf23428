/** Stands in for the person's editor in the demo: `editor.ts TEXT FILE` makes the step in FILE expect TEXT. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';

const [text = '', file = ''] = process.argv.slice(2);
const step = parseDocument(await readFile(file, 'utf8'));
step.setIn(['expect', 'text'], text);
await writeFile(file, step.toString());
