/**
 * Two sets of a million entries, made and reconciled in a process that does nothing else: writes how long that took, and the most
 * memory that it had above what Node itself has, as JSON.
 */
import { sha256 } from '../src/crypto/digest.ts';
import { answerMessage, ItemSet, Reconciliation } from '../src/exchange/reconcile/index.ts';

const ENTRIES = 1_000_000;
const DIFFERENCES = 10;
const FRAME_BYTES = 48 * 1024;

const residentKib = (): number => process.resourceUsage().maxRSS;
const before = residentKib();
const startedAtMs = performance.now();
const items = Array.from({ length: ENTRIES }, (_, number) => ({
  id: Buffer.from(sha256(String(number)).slice('sha256:'.length), 'hex'),
}));
const [asking, answering] = [new ItemSet(items.slice(DIFFERENCES)), new ItemSet(items.slice(0, -DIFFERENCES))];
const reconciliation = new Reconciliation(asking, FRAME_BYTES);
let rounds = 0;
for (let ask: Uint8Array | undefined = reconciliation.first(); ask !== undefined; rounds += 1) {
  ask = reconciliation.take(answerMessage(answering, ask, FRAME_BYTES)).next;
}
const tookMs = performance.now() - startedAtMs;
process.stdout.write(JSON.stringify({ entries: ENTRIES, tookMs, rounds, mebibytes: (residentKib() - before) / 1024 }));
