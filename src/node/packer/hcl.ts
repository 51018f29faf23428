/** HCL as plain data, by HashiCorp's own parser. What it says of a text that is none of it has the place. */
import { Worker } from 'node:worker_threads';
import { InterruptedError, UsageError } from '../../errors.ts';

export interface HclParser {
  /** Throws `packer/bad-template`. */
  parse(name: string, text: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Milliseconds for one text: a hundred times what the largest takes. */
const PATIENCE_MS = 60_000;

export function startHclParser(signal: AbortSignal): HclParser {
  const worker = new Worker(new URL('./hcl-worker.ts', import.meta.url), {
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  // Each parse listens itself; without one that does, a worker's death would be the process's.
  worker.on('error', () => undefined);
  return {
    async parse(name, text) {
      const answer = await once(worker, name, text, signal);
      if ('body' in answer) return answer.body;
      throw new UsageError('packer/bad-template', inWords(name, answer.message), {
        hint: 'Packer says the same of it: packer validate.',
      });
    },
    close: async () => void (await worker.terminate()),
  };
}

type Answer = { readonly body: unknown } | { readonly message: string };

function once(worker: Worker, name: string, text: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    };
    const settle = (answer: Answer): void => {
      done();
      resolve(answer);
    };
    const onMessage = (answer: Answer): void => settle(answer);
    const onError = (error: Error): void => settle({ message: error.message });
    const onExit = (): void => settle({ message: 'the parser has ended' });
    const onAbort = (): void => {
      done();
      reject(new InterruptedError());
    };
    const timer = setTimeout(() => settle({ message: `it is not parsed after ${PATIENCE_MS / 1000} s` }), PATIENCE_MS);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else worker.postMessage({ name, text }, []);
  });
}

/** `parse config: [a.pkr.hcl:2,10-28: …; …]` without what is said twice. */
function inWords(name: string, message: string): string {
  const plain = message
    .replace(/^parse config: \[?/, '')
    .replace(/\]$/, '')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 300);
  return plain.startsWith(`${name}:`) ? plain : `${name}: ${plain}`;
}
