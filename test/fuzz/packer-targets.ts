/** Templates of Packer's: the parts of the importer, and the whole of it for both of their forms. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startHclParser, type HclParser } from '../../src/node/packer/hcl.ts';
import { parseRecipe } from '../../src/recipe/index.ts';
import { MAX_ACTS } from '../../src/recipe/limits.ts';
import { blindSteps } from '../../src/recipe/packer/blind-steps.ts';
import { parseBootCommand } from '../../src/recipe/packer/boot-command.ts';
import { evaluateTemplate } from '../../src/recipe/packer/expression.ts';
import { hclTemplate } from '../../src/recipe/packer/hcl-template.ts';
import { importTemplate } from '../../src/recipe/packer/import.ts';
import { jsonTemplate } from '../../src/recipe/packer/json-template.ts';
import { parameterMarker } from '../../src/recipe/packer/marked.ts';
import { NotPure } from '../../src/recipe/packer/not-pure.ts';
import { checkedValue, type Template } from '../../src/recipe/packer/template.ts';
import { Budget, isFields, type Fields } from '../../src/recipe/packer/value.ts';
import { isPrivateHost } from '../../src/workshop/media/public-host.ts';
import { asJson, JSON_WORDS, orRefusal, text, type Target } from './target.ts';

const PACKER = JSON.stringify({
  variables: { a: 'x', b: null, c: '{{env `X`}}' },
  builders: [
    {
      type: 'qemu',
      iso_url: 'x.iso',
      iso_checksum: 'none',
      disk_size: '10G',
      memory: 512,
      boot_command: ['{{user `a`}}<enter><wait>{{user `b`}}'],
      ssh_username: 'root',
      ssh_password: 'x',
      shutdown_command: 'poweroff',
      cd_content: { a: 'b' },
      http_content: { '/c': 'd {{ x }}' },
    },
  ],
  provisioners: [
    { type: 'shell', inline: ['ls'], environment_vars: ['A=b'] },
    { type: 'file', source: 'a', destination: '/b' },
  ],
  'post-processors': ['vagrant'],
});

const FIXTURES = path.join(import.meta.dirname, '../fixtures/packer');
const HCL = ['debian-preseed/debian.pkr.hcl', 'ubuntu-autoinstall/ubuntu.pkr.hcl', 'windows/windows.pkr.hcl'].map(
  (file) => Uint8Array.from(readFileSync(path.join(FIXTURES, file))),
);

let parser: HclParser | undefined;
const read = (name: string): string => `text of ${name.normalize('NFC')}`;

export const PACKER_TARGETS: readonly Target[] = [
  {
    name: 'boot-command',
    group: 'imports',
    seeds: [
      text('<esc><wait>auto url=http://{{ .HTTPIP }}/p.cfg <wait5><enter><leftCtrlOn>c<leftCtrlOff><wait1m30s>'),
      text('<aOn><aOff><f12><foo><<wait0.5s><leftShiftOn>x<wait><leftShiftOff>'),
    ],
    words: ['<wait', '<enter>', '<up>', 'On>', 'Off>', '<leftAlt', '>', '<', '\n', '-1s', '9h', '{{', '\uE000a\uE001'],
    run(bytes) {
      return orNotPure(() => {
        const { steps } = blindSteps(parseBootCommand(Buffer.from(bytes).toString()), 1_000);
        for (const step of steps) assert.ok((step.do ?? []).length <= MAX_ACTS && step.expect !== undefined);
      });
    },
  },
  {
    name: 'hcl-expression',
    group: 'imports',
    seeds: [
      text('a ${var.a == "x" ? join("-", [local.b, upper("q")]) : format("%03d", 1 + 2 * 3)} $${x}'),
      text('${{ a = [1, true, null], "b" = replace("x", "y", var.a) }["a"][0]}'),
    ],
    words: [
      '${',
      '}',
      '"',
      '[',
      ']',
      '(',
      ')',
      '? ',
      ': ',
      'var.',
      'file("../x")',
      'env("X")',
      'for x in ',
      '==',
      '%{',
      '...',
    ],
    run(bytes) {
      const scope = {
        budget: new Budget(),
        file: (name: string) => name,
        reference: (root: string, name: string) => (root === 'var' ? parameterMarker(name) : `${root}.${name}`),
      };
      return orNotPure(() => void evaluateTemplate(Buffer.from(bytes).toString(), scope));
    },
  },
  {
    name: 'packer-json',
    group: 'imports',
    seeds: [text(PACKER)],
    words: [
      ...JSON_WORDS,
      '{{user `a`}}',
      '{{env `X`}}',
      '{{ .HTTPIP }}',
      'boot_command',
      'iso_url',
      '../',
      '/etc/',
      'inline',
    ],
    run(bytes) {
      const parsed = asJson(bytes);
      if (parsed === undefined) return 'no JSON';
      const template = imported((body) => jsonTemplate({ name: 'x.json', body, given: {}, budget: new Budget() }));
      return template((parsed as readonly unknown[])[0]);
    },
  },
  {
    name: 'packer-hcl',
    group: 'imports',
    seeds: HCL,
    words: [
      ['${', '}', '{', '\n', '"', '[', ']', ' = ', '<<EOF\n', 'EOF\n', '# ', '/*', 'var.', 'local.', '%{ if '],
      ['source "qemu" "x" {\n', 'variable "x" {', 'locals {', 'build {', 'dynamic "x" {', 'boot_command = ["'],
    ].flat(),
    async run(bytes) {
      parser ??= startHclParser(new AbortController().signal);
      const source = Buffer.from(bytes).toString();
      let parsed: unknown;
      const parses = await orRefusal(async () => void (parsed = await parser?.parse('x.pkr.hcl', source)));
      if (parses !== 'accepted') return parses;
      return imported((body) =>
        hclTemplate({
          files: [{ name: 'x.pkr.hcl', text: source, body }],
          variables: [],
          given: {},
          budget: new Budget(),
          file: read,
        }),
      )(parsed);
    },
    async close() {
      await parser?.close();
      parser = undefined;
    },
  },
];

/** From a parsed template to the draft and its table, in one line. */
function imported(templateOf: (body: Fields) => Template): (parsed: unknown) => Promise<string> {
  return async (parsed) => {
    let said = '';
    const outcome = await orNotPure(() => {
      const body = checkedValue(parsed);
      if (!isFields(body)) return;
      const { draft, verdicts } = importTemplate({
        template: templateOf(body),
        from: 'x',
        read,
        list: (name) => [name],
        isPrivateHost,
      });
      // What comes out is a recipe: parsing it is how it is made. Of each row something is said.
      if (draft !== undefined) assert.equal(parseRecipe(draft.source).digest, draft.digest);
      for (const { what, outcome: became, why } of verdicts)
        assert.ok(what !== '' && (became === 'imported' || why !== ''));
      said = verdicts.map(({ what, outcome: became, why }) => `${became[0]} ${what} ${why}`).toSorted()[0] ?? '';
      said += verdicts.map(({ outcome: became }) => became[0]).join('');
    });
    return `${outcome} ${said}`;
  };
}

async function orNotPure(work: () => void): Promise<string> {
  try {
    return await orRefusal(work);
  } catch (error) {
    if (error instanceof NotPure) return `refused: ${error.message}`;
    throw error;
  }
}
