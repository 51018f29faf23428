/** What the exchange costs: admission, catching up, holding many records, publishing, and a network of a thousand. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { benchAdmission } from './exchange/admission.ts';
import { benchCatchUp } from './exchange/catch-up.ts';
import type { Figure } from './figure.ts';
import { benchSim } from './sim.ts';

export async function benchExchange(): Promise<Figure[]> {
  return [...(await benchAdmission()), ...(await benchCatchUp()), ...(await publish()), ...(await benchSim())];
}

/** Four threads a node for its disk, as 30 processes would have; one process has four for all, which would queue for them. */
const DISK_THREADS = 120;

/** In a process of its own, whose number of threads must be given before it starts. */
async function publish(): Promise<Figure[]> {
  const child = fork(path.join(import.meta.dirname, 'exchange/publish.ts'), {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(DISK_THREADS) },
  });
  const figures: Figure[] = [];
  child.on('message', (figure: Figure) => figures.push(figure));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the bench of publishing ended with ${code}`);
  return figures;
}
