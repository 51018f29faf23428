/**
 * Parses HCL in a thread of its own: the parser (HashiCorp's, compiled to WebAssembly) puts things of its own into the
 * global object, and a thread can be ended when a text keeps it busy. It has no environment and is given texts only.
 */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';

/** By name: an import would bring its types along, and with them all of a browser's. */
const { parse } = createRequire(import.meta.url)('@cdktf/hcl2json') as {
  readonly parse: (name: string, text: string) => Promise<unknown>;
};

parentPort?.on('message', ({ name, text }: { readonly name: string; readonly text: string }) => {
  parse(name, text).then(
    (body: unknown) => parentPort?.postMessage({ body }, []),
    (error: unknown) =>
      parentPort?.postMessage({ message: error instanceof Error ? error.message : String(error) }, []),
  );
});
