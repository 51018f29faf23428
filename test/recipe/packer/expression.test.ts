import assert from 'node:assert/strict';
import { evaluateTemplate, type Scope } from '../../../src/recipe/packer/expression.ts';
import { parameterMarker } from '../../../src/recipe/packer/marked.ts';
import { NotPure } from '../../../src/recipe/packer/not-pure.ts';
import { Budget, type Value } from '../../../src/recipe/packer/value.ts';

const VALUES: Readonly<Record<string, Value>> = {
  'var.name': 'deb',
  'var.big': true,
  'var.list': ['a', 'b', 'c'],
  'var.map': { key: 'value', inner: { deep: 7 } },
  'var.open': parameterMarker('open'),
};

function scope(values: Readonly<Record<string, Value>> = VALUES): Scope {
  return {
    budget: new Budget(),
    file: (name) => `text of ${name}`,
    reference(root, name) {
      const found = values[`${root}.${name}`];
      if (found === undefined) throw new NotPure(`there is no ${root}.${name}`);
      return found;
    },
  };
}

const evaluated = (text: string): Value => evaluateTemplate(text, scope());

const FORMS: readonly (readonly [string, Value])[] = [
  ['plain', 'plain'],
  ['${var.name}', 'deb'],
  ['a-${var.name}-${1 + 2 * 3}', 'a-deb-7'],
  ['$${var.name} %%{x}', '${var.name} %{x}'],
  ['${"in ${var.name} \\"q\\" \\u00e9 \\n"}', 'in deb "q" é \n'],
  ['${var.big ? 1 : 2}', 1],
  ['${var.name == "deb" && !false ? "yes" : "no"}', 'yes'],
  ['${var.name != "deb" || 2 >= 3 ? "yes" : "no"}', 'no'],
  ['${var.big ? "kept" : env("HOME")}', 'kept'],
  ['${-(2 - 5) % 2}', 1],
  ['${var.list[1]}', 'b'],
  ['${var.map.inner.deep}', 7],
  ['${var.map["key"]}', 'value'],
  ['${[1, [true, null],]}', [1, [true, null]]],
  ['${{ a = 1, "b" = "x" }["b"]}', 'x'],
  ['${join("-", var.list, ["d"])}', 'a-b-c-d'],
  ['${format("%s-%03d-%q-%5s%%", "x", 7, "y", "z")}', 'x-007-"y"-    z%'],
  ['${upper(lower("AbC"))}${trimspace(" x ")}', 'ABCx'],
  ['${replace("a.b.c", ".", "-")}', 'a-b-c'],
  ['${substr("abcdef", 1, 3)}${element(var.list, 4)}', 'bcdb'],
  ['${length(concat(var.list, ["z"]))}', 4],
  ['${lookup(var.map, "none", "other")}', 'other'],
  ['${file("x/y.sh")}', 'text of x/y.sh'],
  ['${base64encode("hi")}${jsonencode({ a = [1] })}', 'aGk={"a":[1]}'],
  ['${coalesce("", "x")}${contains(var.list, "b")}', 'xtrue'],
];

describe('expressions of templates', () => {
  for (const [source, value] of FORMS) {
    it(`are evaluated: ${source}`, () => {
      assert.deepEqual(JSON.parse(JSON.stringify(evaluated(source))), JSON.parse(JSON.stringify(value)));
    });
  }

  it('are refused, each with its reason, where the value is another one elsewhere or another day', () => {
    for (const [source, why] of [
      ['${env("HOME")}', /environment of whoever builds is not read/],
      ['${timestamp()}', /another one each time/],
      ['${vault("a", "b")}', /no secret store/],
      ['${templatefile("x", {})}', /templates in files/],
      ['${for x in [1] : x}', /not understood|stands for nothing/],
      ['${[for x in var.list : x]}', /a for expression/],
      ['${var.list[*].id}', /splat/],
      ['${var.list.*.id}', /splat/],
      ['${f(var.list...)}', /arguments from a list/],
      ['%{ if true }x%{ endif }', /directive/],
      ['${path.cwd}', /there is no path.cwd/],
      ['${nothing}', /stands for nothing/],
      ['${exec("ls")}', /function exec/],
      ['${constructor("x")}', /function constructor/],
      ['${var.map.__proto__}', /has no "__proto__"/],
      ['${1 / 0}', /division by nothing/],
      ['${replace("a", "/a/", "b")}', /regular expressions/],
      ['${"open', /is not ended/],
      ['${1 +}', /not understood/],
    ] as const)
      assert.throws(
        () => evaluated(source),
        (error) => error instanceof NotPure && why.test(error.message),
        source,
      );
  });

  it('carry a value that nobody has given through texts, and refuse to look into it', () => {
    assert.equal(evaluated('a${join("-", [var.open, "x"])}'), `a${parameterMarker('open')}-x`);
    for (const source of [
      '${upper(var.open)}',
      '${var.open == "x"}',
      '${var.open ? 1 : 2}',
      '${length(var.open)}',
      '${var.open + 1}',
    ])
      assert.throws(() => evaluated(source), /--var open=VALUE/, source);
  });

  it('threat 37: end, whatever they are made of', () => {
    assert.throws(() => evaluated('${urlencode("\\ud800")}'), /names no character/);
    assert.equal(evaluated(`\${max(${'1,'.repeat(130_000)}2)}`), 2);
    assert.throws(() => evaluated(`\${${'('.repeat(500)}1${')'.repeat(500)}}`), /deeper than/);
    assert.throws(() => evaluated(`\${${'!'.repeat(500)}true}`), /deeper than/);
    assert.throws(() => evaluated(`\${${'"${'.repeat(200)}1${'}"'.repeat(200)}}`), /deeper than/);
    const long = 'x'.repeat(400_000);
    const many = `\${join("", [${'var.long,'.repeat(20)}])}`;
    assert.throws(() => evaluateTemplate(many, scope({ 'var.long': long })), /makes more than/);
    assert.throws(() => evaluateTemplate('${var.long}'.repeat(20), scope({ 'var.long': long })), /makes more than/);
    assert.throws(
      () => evaluateTemplate('${replace(var.long, "x", var.long)}', scope({ 'var.long': long })),
      /makes more than/,
    );
    let nested: Value = 'x';
    for (let level = 0; level < 60; level += 1) nested = [nested, nested];
    assert.throws(
      () => evaluateTemplate('${jsonencode(var.nested)}', scope({ 'var.nested': nested })),
      /makes more than/,
    );
    assert.throws(
      () => evaluateTemplate('${var.nested == var.nested}', scope({ 'var.nested': nested })),
      /makes more than/,
    );
  });
});
