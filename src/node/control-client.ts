/** Speaks to the node that runs for this home, over its control socket. */
import { request } from 'node:http';
import { asError, errnoOf, PortalgunError, type ExitCode } from '../errors.ts';
import type { Call } from './control-server.ts';
import { ownJson } from './own-json.ts';

/** True where a node answers on the socket. A socket file left behind by a killed node does not count. */
export async function nodeAnswers(socketPath: string): Promise<boolean> {
  try {
    await callNode(socketPath)('ping', {}, AbortSignal.timeout(5_000));
    return true;
  } catch (error) {
    if (error instanceof PortalgunError) return true;
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return false;
    throw error;
  }
}

export function callNode(socketPath: string): Call {
  return (operation, args, signal) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(args ?? {});
      const outgoing = request(
        {
          socketPath,
          path: `/v1/${operation}`,
          method: 'POST',
          signal,
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            try {
              resolve(unwrap(Buffer.concat(chunks).toString('utf8')));
            } catch (error) {
              reject(asError(error));
            }
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
}

interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly facts?: Record<string, unknown>;
  readonly exitCode: ExitCode;
}

function unwrap(text: string): unknown {
  const answer = ownJson<{ ok?: unknown; error?: WireError }>(text);
  if (!answer.error) return answer.ok;
  const { exitCode, code, message, hint, facts } = answer.error;
  throw new PortalgunError(exitCode, code, message, { ...(hint !== undefined && { hint }), ...(facts && { facts }) });
}
