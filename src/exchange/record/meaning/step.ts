/**
 * Steps inside operations: every field must be one that this version's recipe language has. The shipped schema is the
 * one list of them; whether the values hold is judged when the patch is applied (recipe/patch.ts).
 */
import { isSafeName } from '../../../crypto/text.ts';
import recipeSchema from '../../../recipe/recipe.schema.json' with { type: 'json' };
import type { Step } from '../../../recipe/types.ts';
import { Fields, NotUnderstood } from './fields.ts';

export function checkStep(value: unknown, where: string): asserts value is Step {
  new Fields(value, where).name('id');
  checkFields(value, { $ref: '#/$defs/step' }, where);
}

/** Walks value and JSON Schema together, as far as the schema names fields. */
function checkFields(value: unknown, schema: unknown, where: string): void {
  if (typeof value !== 'object' || value === null) return;
  const { properties, additionalProperties, items } = resolve(schema);
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) checkFields(item, items, `${where}[${index}]`);
    return;
  }
  const known = isObject(properties) ? properties : {};
  for (const [key, member] of Object.entries(value)) {
    if (Object.hasOwn(known, key)) checkFields(member, known[key], `${where}.${key}`);
    else if (isObject(additionalProperties)) checkFields(member, additionalProperties, `${where}.?`);
    else {
      throw new NotUnderstood(
        `${where} has a field that this version does not know${isSafeName(key, 40) ? `: ${key}` : ''}`,
      );
    }
  }
}

function resolve(schema: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(schema)) return {};
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const definitions: Readonly<Record<string, unknown>> = recipeSchema.$defs;
  return resolve(definitions[reference.slice('#/$defs/'.length)]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
