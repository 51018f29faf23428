/** Doors into a guest: a port of this machine's loopback that leads to a port of the guest, and nothing that leads out. */
import { createServer } from 'node:net';
import { errnoOf, UnavailableError, UsageError } from '../errors.ts';
import type { Forward } from '../workshop/machine/types.ts';

/** Doors of one run. */
export const MAX_FORWARDS = 16;

/** `2222:22`, as given on the command line. Throws `run/bad-forward`. */
export function parseForwards(texts: readonly string[]): Forward[] {
  if (texts.length > MAX_FORWARDS)
    throw new UsageError('run/bad-forward', `${texts.length} ports are too many: at most ${MAX_FORWARDS}.`);
  const forwards = texts.map(parseForward);
  const twice = forwards.find(({ hostPort }, index) => forwards.findIndex((one) => one.hostPort === hostPort) < index);
  if (twice) throw new UsageError('run/bad-forward', `The port ${twice.hostPort} cannot lead to two places.`);
  return forwards;
}

function parseForward(text: string): Forward {
  const [, host, guest] = /^([0-9]{1,5}):([0-9]{1,5})$/.exec(text) ?? [];
  const [hostPort, guestPort] = [Number(host), Number(guest)];
  if (isPort(hostPort) && isPort(guestPort)) return { hostPort, guestPort };
  throw new UsageError('run/bad-forward', `${JSON.stringify(text)} is not HOST:GUEST, two ports from 1 to 65535.`, {
    hint: 'For ssh: --forward 2222:22',
  });
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** Asked before the machine is started, because QEMU's own words would not help. Rejects with `run/port-taken` (5). */
export async function checkFree(forwards: readonly Forward[]): Promise<void> {
  for (const { hostPort } of forwards) {
    const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      const server = createServer();
      server.once('error', resolve);
      server.listen(hostPort, '127.0.0.1', () => server.close(() => resolve(undefined)));
    });
    if (problem === undefined) continue;
    const taken = errnoOf(problem) === 'EADDRINUSE';
    throw new UnavailableError(
      'run/port-taken',
      taken ? `The port ${hostPort} of 127.0.0.1 is in use.` : `The port ${hostPort} of 127.0.0.1 is not ours to open.`,
      { hint: 'Choose another one, above 1023.', cause: problem },
    );
  }
}
