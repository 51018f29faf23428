/** The recipe's shape: recipe.schema.json, with its findings in words for people instead of the schema's. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import schema from './recipe.schema.json' with { type: 'json' };
import { MAX_SHAPE_ERRORS } from './limits.ts';
import { didYouMean, printable, type Path, type Problem } from './problems.ts';

export type Shape = 'recipe' | 'step' | 'condition';

let ajv: Ajv2020 | undefined;

/** Problems of a plain JSON value; none means that it has the shape. */
export function shapeProblems(value: unknown, shape: Shape = 'recipe'): Problem[] {
  const validate = validator(shape);
  if (validate(value)) return [];
  // A file with nothing but mistakes must not cost a second: putting one into words takes a walk over its mapping.
  // That an `if` has failed says nothing which the failures inside of it do not.
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'if').slice(0, MAX_SHAPE_ERRORS);
  const problems: Problem[] = [];
  const said = new Set<string>();
  for (const error of errors) {
    const problem = inWords(error, value, errors);
    if (problem === undefined) continue;
    const key = JSON.stringify(problem);
    if (!said.has(key)) problems.push(problem);
    said.add(key);
  }
  // Every error above was set aside for another one; if that was wrong, the value must still not pass.
  return problems.length > 0
    ? problems
    : [{ path: [], message: 'it does not have the shape that the schema asks for' }];
}

/** Compiling the schema takes some 50 ms, so it is done once, and only when a recipe is read. */
function validator(shape: Shape): ValidateFunction {
  if (ajv === undefined) {
    ajv = new Ajv2020({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true, strictRequired: false });
    ajv.addVocabulary(['x-expected']);
    ajv.addSchema(schema);
  }
  const validate = ajv.getSchema(shape === 'recipe' ? schema.$id : `${schema.$id}#/$defs/${shape}`);
  if (validate === undefined) throw new TypeError(`recipe.schema.json has no ${shape}`);
  return validate;
}

interface SchemaPart {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-expected'?: string;
  readonly oneOf?: readonly { readonly required: readonly [string] }[];
  readonly type?: string | readonly string[];
}

function inWords(error: ErrorObject, root: unknown, all: readonly ErrorObject[]): Problem | undefined {
  const path = pathOf(error.instancePath, root);
  const found = printable(error.data);
  const part = (error.parentSchema ?? {}) as SchemaPart;
  const params = error.params as Readonly<Record<string, unknown>>;
  // The branches of oneOf are summed up by the oneOf error itself; names are reported by propertyNames.
  if (error.schemaPath.includes('/oneOf/') || error.propertyName !== undefined) return undefined;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(path, String(params['additionalProperty']), part);
    case 'required':
      return { path, message: `the field "${String(params['missingProperty'])}" is missing` };
    case 'type':
      return { path, message: `found ${found}, expected ${typeWords(part.type)}` };
    case 'const':
      return { path, message: `found ${found}, expected ${printable(params['allowedValue'])}` };
    case 'enum': {
      const allowed = (params['allowedValues'] as readonly unknown[]).map(String);
      const guess = typeof error.data === 'string' ? didYouMean(error.data, allowed) : '';
      return { path, message: `found ${found}, expected one of ${allowed.join(', ')}${guess}` };
    }
    case 'pattern':
      return { path, message: `found ${found}, expected ${part['x-expected'] ?? 'another form'}` };
    case 'propertyNames': {
      const name = String(params['propertyName']);
      const expected = ((part as { propertyNames?: SchemaPart }).propertyNames ?? {})['x-expected'] ?? 'another name';
      return {
        path: [...path, name],
        atKey: true,
        message: `the name ${printable(name)} is not allowed, expected ${expected}`,
      };
    }
    case 'oneOf':
      return exactlyOne(path, error.data, part, all, error.instancePath);
    case 'minLength':
      return { path, message: 'found an empty text' };
    case 'maxLength':
      return {
        path,
        message: `the text has ${String(error.data).length} characters, more than ${String(params['limit'])}`,
      };
    case 'minimum':
    case 'maximum':
      return {
        path,
        message: `found ${found}, expected ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${String(params['limit'])}`,
      };
    case 'minItems':
    case 'maxItems':
    case 'maxProperties':
      return {
        path,
        message: `found ${found}, expected ${error.keyword === 'minItems' ? 'at least' : 'at most'} ${String(params['limit'])}`,
      };
    default:
      return { path, message: error.message ?? `it breaks the rule ${error.keyword}` };
  }
}

function unknownField(path: Path, name: string, part: SchemaPart): Problem {
  const at = [...path, name];
  const known = Object.keys(part.properties ?? {});
  const guess = didYouMean(name, known) || `; known are ${known.join(', ')}`;
  return { path: at, atKey: true, message: `unknown field ${printable(name)}${guess}` };
}

/** What decides between the kinds of a condition, an act or a medium is which of their fields is there. */
function exactlyOne(
  path: Path,
  data: unknown,
  part: SchemaPart,
  all: readonly ErrorObject[],
  at: string,
): Problem | undefined {
  // A string needs no kind: where strings are allowed, only a mapping can miss one.
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const kinds = (part.oneOf ?? []).map(({ required }) => required[0]);
  const present = kinds.filter((kind) => Object.hasOwn(data, kind));
  // A misspelt kind has been named already: "found none" would only repeat it.
  const misspelt = all.some((other) => other.keyword === 'additionalProperties' && other.instancePath === at);
  if (present.length === 0 && misspelt) return undefined;
  const found = present.length === 0 ? 'none of them' : present.join(' and ');
  return { path, message: `found ${found}, expected exactly one of ${kinds.join(', ')}` };
}

function typeWords(type: SchemaPart['type']): string {
  const words: Readonly<Record<string, string>> = {
    string: 'a text (put quotes around a number)',
    integer: 'an integer',
    boolean: 'true or false',
    object: 'a mapping',
    array: 'a list',
  };
  const types = typeof type === 'string' ? [type] : (type ?? []);
  return types.map((name) => (types.length > 1 && name === 'string' ? 'a text' : (words[name] ?? name))).join(' or ');
}

/** JSON pointer (RFC 6901) to a path whose list positions are numbers. */
function pathOf(pointer: string, root: unknown): Path {
  let value = root;
  return pointer
    .split('/')
    .slice(1)
    .map((escaped) => {
      const part = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
      const index = Array.isArray(value) ? Number(part) : undefined;
      value = (value as Record<string, unknown> | undefined)?.[part];
      return index ?? part;
    });
}
