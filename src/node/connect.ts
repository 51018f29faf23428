/**
 * How a command reaches its home: through the node where one runs for it, otherwise by opening the home itself for the
 * length of one call, so that a long build never keeps the node from starting.
 */
import { callNode, nodeAnswers } from './control-client.ts';
import type { Call } from './control-server.ts';
import { checkRuntime, type Home } from './home.ts';
import { onceFree } from './held-home.ts';
import { ownValue } from './own-json.ts';

export interface HomeConnection {
  /** Runs one operation (operations/index.ts). Errors are `PortalgunError`s either way. */
  call<T = unknown>(operation: string, args: unknown, signal: AbortSignal): Promise<T>;
  /** True where a node runs for this home. */
  readonly live: boolean;
}

export async function connect(home: Home): Promise<HomeConnection> {
  await checkRuntime(home);
  const live = await nodeAnswers(home.controlSocket);
  const run = live ? callNode(home.controlSocket) : callWithoutNode(home);
  return {
    live,
    // The answer's shape is the operation's own: both ends are one program.
    call: async <T>(operation: string, args: unknown, signal: AbortSignal) =>
      ownValue<T>(await run(operation, args, signal)),
  };
}

function callWithoutNode(home: Home): Call {
  return async (operation, args, signal) => {
    const [{ openSession }, { runOperation }] = await Promise.all([
      import('./session.ts'),
      import('./operations/index.ts'),
    ]);
    const open = async () => {
      // A node may have been started since: it holds the store now, and answers instead of us.
      return (await nodeAnswers(home.controlSocket)) ? undefined : openSession(home);
    };
    const session = await onceFree(open, async () => true, signal);
    if (session === undefined) return callNode(home.controlSocket)(operation, args, signal);
    try {
      return await runOperation(session, operation, args, signal);
    } finally {
      await session.close();
    }
  };
}
