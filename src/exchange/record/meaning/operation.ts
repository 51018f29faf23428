/**
 * One operation of a patch, strictly: an operation or a field that this version does not know makes the whole patch "not
 * understood", for what is skipped could be what matters (threat 27).
 */
import { isDigest, type Digest } from '../../../crypto/digest.ts';
import { isSafeName } from '../../../crypto/text.ts';
import type { Operation, Step } from '../../../recipe/types.ts';
import { NAME_MAX_LENGTH } from '../limits.ts';
import { Fields, NotUnderstood } from './fields.ts';
import { checkStep } from './step.ts';

const OPS = ['replace-step', 'insert-step', 'remove-step', 'move-step', 'set'] as const;
/** `["steps", "<id>", "expect", "any", "0", "text", "area"]` is 7 deep. */
const PATH_MAX_PARTS = 16;

export function parseOperation(value: unknown, where: string): Operation {
  const fields = new Fields(value, where);
  const op = fields.oneOf('op', OPS);
  switch (op) {
    case 'replace-step':
      fields.only('op', 'id', 'was', 'step');
      return { op, id: fields.name('id'), was: fields.digest('was'), step: stepOf(fields) };
    case 'insert-step':
      fields.only('op', 'after', 'step');
      return { op, after: nameOrNull(fields, 'after'), step: stepOf(fields) };
    case 'remove-step':
      fields.only('op', 'id', 'was');
      return { op, id: fields.name('id'), was: fields.digest('was') };
    case 'move-step':
      fields.only('op', 'id', 'was', 'after');
      return { op, id: fields.name('id'), was: fields.digest('was'), after: nameOrNull(fields, 'after') };
    case 'set':
      break;
  }
  fields.only('op', 'path', 'was', 'value');
  return { op, path: pathOf(fields), was: digestOrNull(fields, 'was'), value: setValue(fields) };
}

function stepOf(fields: Fields): Step {
  const step = fields.value('step');
  checkStep(step, `${fields.where}.step`);
  return step;
}

function pathOf(fields: Fields): readonly string[] {
  const path = fields.list('path', PATH_MAX_PARTS);
  if (path.length === 0) throw new NotUnderstood(`${fields.where}.path is empty`);
  return path.map((part) => {
    if (typeof part === 'string' && isSafeName(part, NAME_MAX_LENGTH) && part !== '__proto__') return part;
    throw new NotUnderstood(`${fields.where}.path is not a list of proper names`);
  });
}

/** Required even where it says "none": a forgotten field is not the same as a considered null. */
function nameOrNull(fields: Fields, key: string): string | null {
  return fields.value(key) === null ? null : fields.name(key);
}

function digestOrNull(fields: Fields, key: string): Digest | null {
  const value = fields.value(key);
  return value === null || isDigest(value) ? value : fields.digest(key);
}

function setValue(fields: Fields): unknown {
  if (!fields.has('value')) throw new NotUnderstood(`${fields.where}.value is missing`);
  return fields.value('value');
}
