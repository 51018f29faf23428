/** What a recipe of a peer's cannot do, whatever it says: take for ever, name a file of this machine, open a network. */
import assert from 'node:assert/strict';
import { PortalgunError } from '../../src/errors.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { compileRegex } from '../../src/recipe/regex.ts';
import schema from '../../src/recipe/recipe.schema.json' with { type: 'json' };
import { recipeOf } from './fixtures.ts';

interface Part {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: Part;
  readonly properties?: Readonly<Record<string, Part>>;
  readonly additionalProperties?: Part | boolean;
}

/** Places of the schema where a value may be as large as its author likes; the whole text has a limit besides. */
function unbounded(part: Part, where: string): string[] {
  if (part.$ref !== undefined || part.const !== undefined || part.enum !== undefined) return [];
  const types = typeof part.type === 'string' ? [part.type] : (part.type ?? []);
  const found: string[] = [];
  if (types.includes('integer') && part.maximum === undefined && !types.includes('string'))
    found.push(`${where}: a number`);
  if (types.includes('array') && part.maxItems === undefined) found.push(`${where}: a list`);
  const open = typeof part.additionalProperties === 'object' ? part.additionalProperties : undefined;
  if (open && part.maxProperties === undefined) found.push(`${where}: a mapping`);
  if (types.includes('object') && part.additionalProperties !== false && !open) found.push(`${where}: any field`);
  return [
    ...found,
    ...(part.items ? unbounded(part.items, `${where}[]`) : []),
    ...(open ? unbounded(open, `${where}.*`) : []),
    ...Object.entries(part.properties ?? {}).flatMap(([name, inner]) => unbounded(inner, `${where}.${name}`)),
  ];
}

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof PortalgunError);
    return error.message;
  }
  throw assert.fail('it was not refused');
};

describe('a recipe of a peer’s', () => {
  it('threat 37: has no list, mapping or number without a limit: what repeats, repeats a bounded number of times', () => {
    const { $defs, ...whole } = schema;
    const parts = { recipe: whole, ...$defs } as unknown as Readonly<Record<string, Part>>;
    assert.ok(Object.keys(parts).length > 15);
    assert.deepEqual(
      Object.entries(parts).flatMap(([name, part]) => unbounded(part, name)),
      [],
    );
    for (const [what, step] of [
      ['rounds', '{ id: a, do: [{ key: enter }], repeat: { until: { text: abc }, at_most: 101 } }'],
      ['no end', '{ id: a, do: [{ key: enter }], repeat: { until: { text: abc } } }'],
      [
        'answers',
        '{ id: a, prompts: { table: [{ when: { text: abc }, do: [{ key: x }], at_most: 101 }], until: { text: xyz } } }',
      ],
      ['a day and more', '{ id: a, expect: { text: abc, timeout: 25h } }'],
      ['a day and more for the step', '{ id: a, expect: { text: abc }, timeout: 25h }'],
    ])
      assert.match(
        refusal(() => parseRecipe(recipeOf(`  - ${step}\n`))),
        /at most 100|is missing|from 1ms to 24h/,
        what,
      );
  });

  it('threat 37: has regular expressions that take as long as the text is, and no longer', () => {
    const text = 'a'.repeat(100_000);
    for (const pattern of ['(a+)+$', '(a|a)*b', '(a*)*b', '^(([a-z])+.)+[A-Z]([a-z])+$', '(x+x+)+y']) {
      const compiled = compileRegex(pattern);
      assert.ok(compiled.ok);
      compiled.regex.matcher(`${text}!`).find(); // an engine that goes back and forth never returns from this
    }
    assert.ok(!compileRegex('(a)\\1').ok && !compileRegex('(?=a)').ok && !compileRegex('a{101}').ok);
  });

  it('threat 38: names no file of this machine, and no network but the one that the language offers', () => {
    const media = (medium: string): string =>
      refusal(() =>
        parseRecipe(recipeOf('  - { id: a, expect: { text: Installed } }\n', `media: { iso: ${medium} }\n`)),
      );
    const digest = `sha256: ${'a'.repeat(64)}`;
    for (const file of ['/etc/shadow', '../../etc/shadow', 'a/../../b', '~/x/../../y', 'a\\..\\b', './../x'])
      assert.match(media(`{ file: '${file}', ${digest} }`), /expected a relative path/, file);
    assert.match(media('{ package: grub, path: ../../etc/shadow }'), /expected a relative path/);
    for (const network of ['host', 'bridge', '{ forward: [22] }']) {
      const text = recipeOf('  - { id: a, expect: { text: Installed } }\n').replace(
        '128M }',
        `128M, network: ${network} }`,
      );
      assert.match(
        refusal(() => parseRecipe(text)),
        /network/,
        network,
      );
    }
  });
});
