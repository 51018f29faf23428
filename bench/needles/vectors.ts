/**
 * Makes test/vectors/tinycv.json: what tinycv says of painted screens. Needs Debian's os-autoinst.
 * usage: node bench/needles/vectors.ts
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { paintNeedles } from '../../test/support/needle-screens.ts';
import { askTinycv, writePainted } from './tinycv.ts';

const SEED = 20261127;

const folder = await mkdtemp(path.join(tmpdir(), 'pg-vectors-'));
try {
  const painted = paintNeedles(SEED);
  const { needles, screens } = await writePainted(painted, folder);
  const answers = [];
  for (const [ratio, shown] of [
    [0.02, screens],
    [1, screens.slice(0, 6)],
  ] as const) {
    for (const { file, needle, areas } of await askTinycv(needles, shown, ratio, 1))
      answers.push({ ratio, screen: path.basename(file, '.png'), needle: path.basename(needle, '.json'), areas });
  }
  const text = answers.map((answer) => JSON.stringify(answer)).join(',\n');
  const target = path.resolve(import.meta.dirname, '../../test/vectors/tinycv.json');
  await writeFile(target, `{"seed":${SEED},"answers":[\n${text}\n]}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
