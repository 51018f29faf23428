import assert from 'node:assert/strict';
import { PortalgunError } from '../../../src/errors.ts';

/** Waits for `work` to be refused, with this code. Resolves with the refusal. */
export async function refusal(code: string, exitCode: number, work: Promise<unknown>): Promise<PortalgunError> {
  const error: unknown = await work.then(
    () => assert.fail(`it was accepted, ${code} was expected`),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof PortalgunError, error instanceof Error ? error.stack : String(error));
  assert.deepEqual([error.code, error.exitCode], [code, exitCode], error.message);
  return error;
}
