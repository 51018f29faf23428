/** Every file format has a page with numbered rules, and what the page says of limits, codes and reasons is what the code does. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DISAGREEMENT_TYPE } from '../../src/exchange/record/disagreement.ts';
import {
  DISAGREEMENT_MAX_BYTES,
  KEY_FILE_MAX_BYTES,
  KEY_FILE_MAX_RECORDS,
  PROOF_KEYS_MAX,
  PROOF_MAX_BYTES,
} from '../../src/exchange/record/index.ts';
import { ROOT } from '../support/cli.ts';

const page = (name: string): Promise<string> => readFile(path.join(ROOT, 'docs', name), 'utf8');
const source = (name: string): Promise<string> => readFile(path.join(ROOT, 'src/exchange/record', name), 'utf8');

/** The page, the code that checks the format, and what the first rules say of sizes. */
const FORMATS = [
  ['key-files.md', 'key-file.ts', [`${KEY_FILE_MAX_BYTES} bytes`, `${KEY_FILE_MAX_RECORDS} lines`]],
  ['fork-proofs.md', 'fork-proof.ts', [`${PROOF_MAX_BYTES} bytes`, `${PROOF_KEYS_MAX} key records`]],
  ['disagreements.md', 'disagreement.ts', [`${DISAGREEMENT_MAX_BYTES} bytes`, DISAGREEMENT_TYPE]],
] as const;

describe('the pages of file formats', () => {
  it('are all named by docs/protocols.md, and each says step by step what is checked', async () => {
    const text = await page('protocols.md');
    const named = [...text.matchAll(/^\| [a-z ]+ \| \[([\w-]+\.md)\]/gm)].map(([, name = '']) => name);
    for (const [name] of FORMATS) assert.ok(named.includes(name), name);
    for (const name of named) {
      const steps = [...(await page(name)).matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
      assert.ok(steps.length >= 4, `${name} has no numbered rules`);
      // Each list counts from 1 without a gap.
      for (const [index, step] of steps.entries()) {
        assert.ok(step === 1 || step === (steps[index - 1] ?? 0) + 1, `${name}: ${step}`);
      }
    }
  });

  for (const [name, file, limits] of FORMATS) {
    it(`${name} says the limits and reasons that there are`, async () => {
      const text = (await page(name)).replaceAll(/\s+/g, ' ');
      for (const limit of limits) assert.ok(text.includes(limit), `${name} does not say ${limit}`);
      const files = [file, 'feed-keys.ts', 'group-links.ts', 'file.ts'];
      const code = (await Promise.all(files.map(source))).join(' ');
      for (const [, reason = ''] of text.matchAll(/\*([a-z]+(?:-[a-z]+)*)\*/g)) {
        assert.ok(code.includes(`'${reason}'`), `${name}: nothing is refused as ${reason}`);
      }
      for (const [, error = ''] of text.matchAll(/`(record\/[a-z-]+)`/g)) {
        assert.ok(code.includes(`'${error}'`), `${name}: there is no ${error}`);
      }
    });
  }
});
