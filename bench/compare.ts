/**
 * What comparing two builds costs: measuring one (manifest.ts); two manifests that differ in ten of 100,000 files, by the protocol
 * itself, both sides in one process; beside it the bytes of one whole manifest, and of both images. And one set of a million
 * entries: how much memory it takes.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { sha256, type Digest } from '../src/crypto/digest.ts';
import { theirManifest } from '../src/crosscheck/index.ts';
import { ListQuestion, reconcileProtocol } from '../src/exchange/p2p/protocols/reconcile.ts';
import type { RecordStore } from '../src/exchange/store/types.ts';
import { formatManifest, type ManifestEntry, parseManifest } from '../src/workshop/image/index.ts';
import { manifestLines } from '../src/workshop/image/manifest-lines.ts';
import { median, type Figure } from './figure.ts';
import { benchManifest } from './manifest.ts';

const FILES = 100_000;
const DIFFERENCES = 10;
const RUNS = 3;

export async function benchCompare(): Promise<Figure[]> {
  const [mine, theirs] = [manifestOf(0), manifestOf(DIFFERENCES)];
  const digest = sha256(theirs);
  const runs: Compared[] = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await compare(mine, theirs, digest));
  const [first] = runs;
  if (first === undefined || sha256(first.found) !== digest) throw new Error('the manifest found is not theirs');
  const sets = million();
  return [
    ...(await benchManifest()),
    {
      what: `bytes both ways, ${DIFFERENCES} of ${FILES} files differ`,
      value: first.bytes,
      unit: 'count',
      note: 'aim: under 64 KiB',
    },
    { what: 'round trips', value: first.rounds, unit: 'count', note: 'aim: 4 at most' },
    { what: 'bytes of one whole manifest', value: theirs.length, unit: 'count' },
    {
      what: 'bytes of both images: what to compare files takes',
      value: 2 * imageBytes(theirs),
      unit: 'count',
      note: 'the files alone',
    },
    { what: 'whole manifest beside what was sent', value: theirs.length / first.bytes, unit: 'ratio' },
    {
      what: 'both sides, median',
      value: median(runs.map((run) => run.tookMs)),
      unit: 'ms',
      note: 'no network between',
    },
    { what: `two sets of ${sets.entries} entries made and reconciled`, value: sets.tookMs, unit: 'ms' },
    { what: 'round trips of that', value: sets.rounds, unit: 'count' },
    { what: 'most memory of it', value: sets.mebibytes, unit: 'MiB', note: 'both sides in one process' },
  ];
}

interface Compared {
  readonly found: Uint8Array;
  readonly bytes: number;
  readonly rounds: number;
  readonly tookMs: number;
}

async function compare(mine: Uint8Array, theirs: Uint8Array, digest: Digest): Promise<Compared> {
  const startedAt = performance.now();
  // Only its blobs are asked for.
  const store = { blobs: { get: async () => theirs } } as unknown as RecordStore;
  const protocol = reconcileProtocol({
    network: 'bench',
    store,
    types: { manifest: { maxBytes: theirs.length, check: () => undefined, entries: manifestLines } },
    mayAsk: () => true,
    maySee: async () => true,
  });
  const question = new ListQuestion(
    'them',
    { network: 'bench', type: 'manifest', digest },
    manifestLines(mine),
    theirs.length,
  );
  let [bytes, rounds] = [0, 0];
  for (;;) {
    const step = await question.next();
    if ('done' in step) {
      return { found: theirManifest(mine, step.done), bytes, rounds, tookMs: performance.now() - startedAt };
    }
    rounds += 1;
    bytes += step.ask.length;
    for await (const frame of protocol.respond(step.ask, { peerId: 'us', author: null })) {
      bytes += frame.length;
      await question.frame(frame);
    }
  }
}

/** Files as a system has them; the first `changed` of every ten-thousand have another content. */
function manifestOf(changed: number): Uint8Array {
  const entries = Array.from({ length: FILES }, (_, number): ManifestEntry => {
    const other = number % (FILES / DIFFERENCES) === 0 && number / (FILES / DIFFERENCES) < changed;
    return {
      kind: 'file',
      path: `p1:/usr/share/doc/package-${number % 997}/file-${number}`,
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes: number,
      sha256: sha256(`${other ? 'other' : 'content'} ${number}`),
    };
  });
  return Buffer.from(formatManifest(entries, sha256('rules')).text, 'latin1');
}

function imageBytes(manifest: Uint8Array): number {
  return parseManifest(manifest).entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

interface Million {
  readonly entries: number;
  readonly tookMs: number;
  readonly rounds: number;
  readonly mebibytes: number;
}

function million(): Million {
  const program = path.join(import.meta.dirname, 'million.ts');
  return JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' })) as Million;
}
