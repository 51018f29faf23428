/**
 * `npm run fuzz [-- GROUP|TARGET…]`: fuzzes what strangers' bytes reach, for `PORTALGUN_FUZZ_SECONDS` (300) each, from a
 * new seed each time, and adds to the corpus what gave an outcome that was not there yet. `--keep` leaves the corpus alone.
 */
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const args = process.argv.slice(2);
const grow = !args.includes('--keep');
const wanted = args.filter((arg) => arg !== '--keep');
const seconds = Number(process.env['PORTALGUN_FUZZ_SECONDS'] ?? 300);
const seed = Number(process.env['PORTALGUN_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

const targets = TARGETS.filter(
  ({ name, group }) => wanted.length === 0 || wanted.includes(name) || wanted.includes(group),
);
if (targets.length === 0) {
  process.stderr.write(`nothing to fuzz; there are: ${TARGETS.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
// A group shares its time: in a test it is the group that gets so many seconds.
const share = wanted.some((one) => targets.some(({ group }) => group === one)) ? targets.length : 1;
for (const target of targets) {
  const { runs, outcomes, added } = await fuzz(target, { seconds: seconds / share, seed, grow });
  const news = grow ? `, ${added} added to the corpus` : '';
  process.stdout.write(`${target.name}: ${runs} inputs, ${outcomes} outcomes${news} (seed ${seed})\n`);
  await target.close?.();
}
