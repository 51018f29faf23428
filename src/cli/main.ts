/** The command line. Each command loads its own modules when it runs, so that starting stays instant. */
import { enableCompileCache } from 'node:module';

enableCompileCache(process.env['NODE_COMPILE_CACHE']);

const { runCommandLine } = await import('./program.ts');
// Who reads our output may stop reading (`portalgun builds list | head -1`): no reason to stop working, or to complain.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
});
