/** The command line. Each command loads its own modules when it runs, so that starting stays instant. */
import { enableCompileCache } from 'node:module';

enableCompileCache(process.env['NODE_COMPILE_CACHE']);

const { runCommandLine } = await import('./program.ts');
process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
});
