/** What two nodes send each other to find out in what their manifests differ: every byte of it, both ways. */
import { fromBinary } from '@bufbuild/protobuf';
import type { Digest } from '../../src/crypto/digest.ts';
import { theirManifest } from '../../src/crosscheck/index.ts';
import { AnswerSchema } from '../../src/exchange/p2p/generated/reconcile_pb.ts';
import { ListQuestion, reconcileProtocol } from '../../src/exchange/p2p/protocols/reconcile.ts';
import type { RecordStore } from '../../src/exchange/store/types.ts';
import { manifestLines } from '../../src/workshop/image/manifest-lines.ts';

export interface OnTheWire {
  readonly bytes: Buffer;
  readonly rounds: number;
  /** Entries that were sent in whole. */
  readonly entries: readonly string[];
  /** Theirs, put together from mine and what was sent. */
  readonly found: Uint8Array;
}

export async function compareOnTheWire(
  mine: Uint8Array,
  theirs: { readonly bytes: Uint8Array; readonly digest: Digest },
): Promise<OnTheWire> {
  // Only its blobs are asked for.
  const store = { blobs: { get: async () => theirs.bytes } } as unknown as RecordStore;
  const protocol = reconcileProtocol({
    network: 'test',
    store,
    types: { manifest: { maxBytes: theirs.bytes.length, check: () => undefined, entries: manifestLines } },
    mayAsk: () => true,
    maySee: async () => true,
  });
  const wanted = { network: 'test', type: 'manifest', digest: theirs.digest };
  const question = new ListQuestion('them', wanted, manifestLines(mine), theirs.bytes.length);
  const sent: Uint8Array[] = [];
  const entries: string[] = [];
  for (let rounds = 0; ; rounds += 1) {
    const step = await question.next();
    if ('done' in step) return { bytes: Buffer.concat(sent), rounds, entries, found: theirManifest(mine, step.done) };
    sent.push(step.ask);
    for await (const frame of protocol.respond(step.ask, { peerId: 'us', author: null })) {
      sent.push(frame);
      const { answer } = fromBinary(AnswerSchema, frame);
      if (answer.case === 'entries') entries.push(...answer.value.entries.map((one) => Buffer.from(one).toString()));
      await question.frame(frame);
    }
  }
}
