/** The example of docs/importing.md, as it stands: what the page says of a template is what becomes of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { outcomeOf, ROOT } from '../support/cli.ts';
import { withHomes } from '../support/temp-home.ts';
import { patternOf } from './printed.ts';

const PAGE = await readFile(path.join(ROOT, 'docs/importing.md'), 'utf8');
const [, TEMPLATE = ''] = /^```hcl\n([\s\S]*?)^```/m.exec(PAGE) ?? [];
const [, EXAMPLE = ''] = PAGE.split(/^## An example$/m);
const [, LINE = '', PRINTED = ''] = /^```console\n\$ (.*)\n([\s\S]*?)^```/m.exec(EXAMPLE) ?? [];

const FILES: Readonly<Record<string, string>> = {
  'http/preseed.cfg': 'd-i passwd/root-password password packer\n',
  'scripts/greet.sh': 'echo "$GREETING" > /root/greeting\n',
  'scripts/motd': 'Built here.\n',
  'debian.pkr.hcl': TEMPLATE.replace('…', '0'.repeat(64)),
};

describe('docs/importing.md', function () {
  this.timeout(60_000);

  it('shows what becomes of its template', () =>
    withHomes(1, async ({ folder, environment }) => {
      for (const [name, content] of Object.entries(FILES)) {
        const file = path.join(folder, 'my-template', name);
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, content);
      }
      const env = { ...environment, PATH: `${ROOT}:${environment['PATH']}` };
      const child = spawn('sh', ['-c', LINE], { cwd: folder, env });
      child.stdin.end();
      const { code, stdout, stderr } = await outcomeOf(child);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, patternOf(PRINTED.trimEnd().split('\n')));
      const draft = parseRecipe(await readFile(path.join(folder, 'debian.yaml'), 'utf8'));
      const errors = lintRecipe(draft).filter(({ severity }) => severity === 'error');
      assert.deepEqual(errors, []);
      const ids = draft.recipe.steps.map(({ id }) => id);
      const later = ['login-prompt', 'user', 'password', 'disk', 'provision-1', 'provision-2', 'shutdown'];
      assert.deepEqual(ids, ['boot', 'boot-2', 'boot-3', ...later]);
      assert.deepEqual(draft.recipe.steps[0]?.do, [
        { serve: { file: 'preseed.cfg', content: FILES['http/preseed.cfg'] } },
      ]);
      assert.deepEqual(Object.keys(Object(draft.recipe.media?.['files']).files), ['greet.sh', 'motd']);
    }));
});
