/**
 * `npm run bench [-- NAME…]`: speed, as medians and ratios of one run on this machine. Results are printed and kept in
 * `.portalgun/bench/NAME.json`, so that two runs can be compared.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { benchBare } from './bare.ts';
import { benchCompare } from './compare.ts';
import { benchDemo } from './demo.ts';
import { benchNeedles } from './needles.ts';
import { benchPeers } from './peers.ts';
import { benchExchange } from './exchange.ts';
import { benchReaction } from './reaction.ts';
import { benchRebuild } from './rebuild.ts';
import { benchSim } from './sim.ts';
import { benchStart } from './start.ts';
import { benchTyping } from './typing.ts';
import { lineOf, type Figure } from './figure.ts';

const BENCHES: Readonly<Record<string, () => Promise<Figure[]>>> = {
  start: benchStart,
  reaction: benchReaction,
  rebuild: benchRebuild,
  demo: benchDemo,
  bare: benchBare,
  compare: benchCompare,
  exchange: benchExchange,
  sim: benchSim,
  typing: benchTyping,
  packer: benchPeers,
  needles: benchNeedles,
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined) {
  process.stderr.write(`no benchmark ${unknown}; there are: ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(2);
}

const folder = path.resolve(import.meta.dirname, '../.portalgun/bench');
await mkdir(folder, { recursive: true });
for (const [name, run] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n${name}\n`);
  const figures = await run();
  for (const figure of figures) process.stdout.write(`${lineOf(figure)}\n`);
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(figures, null, 2)}\n`);
}
