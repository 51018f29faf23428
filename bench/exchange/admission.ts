/** Decode, verify, judge and store, durably, beside node:crypto's bare verification of the same records. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { importPublicKey, verify } from '../../src/crypto/ed25519.ts';
import { authorKeyBytes, readEnvelope } from '../../src/exchange/record/index.ts';
import { isRefusal } from '../../src/exchange/record/refusal.ts';
import { openStore } from '../../src/exchange/store/index.ts';
import { median, type Figure } from '../figure.ts';
import { makeFeed, NETWORK, type Feed } from './feeds.ts';

const RECORDS = 5000;
const ROUNDS = 5;

export async function benchAdmission(): Promise<Figure[]> {
  const feed = makeFeed(0, RECORDS);
  const ratios: number[] = [];
  const admitting: number[] = [];
  // Interleaved, so that a busy machine slows both.
  for (let round = 0; round < ROUNDS; round += 1) {
    const bareMs = verifyAll(feed);
    const admitMs = await admitAll(feed);
    ratios.push(bareMs / admitMs);
    admitting.push((RECORDS / admitMs) * 1000);
  }
  return [
    { what: 'admission beside bare verification, speed', value: median(ratios), unit: 'ratio', aim: { atLeast: 0.5 } },
    { what: 'records admitted a second', value: median(admitting), unit: 'count' },
  ];
}

function verifyAll({ author, envelopes }: Feed): number {
  const key = importPublicKey(authorKeyBytes(author));
  const inputs = envelopes.map((envelope) => {
    const sealed = readEnvelope(envelope);
    if (isRefusal(sealed)) throw new Error(sealed.detail);
    return { message: sealed.signed, signature: sealed.dsse.signature };
  });
  const startedAtMs = performance.now();
  for (const { message, signature } of inputs) if (!verify(key, message, signature)) throw new Error('does not hold');
  return performance.now() - startedAtMs;
}

async function admitAll({ author, envelopes }: Feed): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pg-bench-'));
  const store = await openStore(path.join(folder, 'store'), { network: NETWORK });
  try {
    const startedAtMs = performance.now();
    const admissions = await store.admitAll(envelopes, { follows: (one) => one === author });
    const tookMs = performance.now() - startedAtMs;
    if (!admissions.every(({ result }) => result === 'admitted')) throw new Error('not all were admitted');
    return tookMs;
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}
