/** A node that has much and does nothing: prints its resident memory in bytes once it has come to rest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAuthorId } from '../../src/exchange/record/index.ts';
import { openStore } from '../../src/exchange/store/index.ts';
import { NETWORK } from './feeds.ts';
import { startNode } from './node.ts';

const REST_MS = 10_000;

const [, , folder = '', authors = ''] = process.argv;
const store = await openStore(folder, { network: NETWORK });
const node = await startNode(new Uint8Array(32).fill(3), store, authors.split(',').filter(isAuthorId));
await sleep(REST_MS);
process.stdout.write(String(process.memoryUsage.rss()));
await node.stop();
await store.close();
