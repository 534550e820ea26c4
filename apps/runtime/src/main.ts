import { describeError } from '@cortex-runtime/core';
import { readHostConfig, startHost, untilStopped } from '@cortex-runtime/host';

/** The agent host as a process: settings from the environment, manifests from the arguments or from `CORTEX_AGENTS`. Speaks JSON lines. */
async function run(): Promise<number> {
  const host = await startHost({
    config: readHostConfig(process.env),
    environment: process.env,
    agents: process.argv.length > 2 ? process.argv.slice(2) : (process.env['CORTEX_AGENTS'] ?? '').split(',').filter((path) => path !== ''),
    workingDirectory: process.cwd(),
    onProgress: (progress) => process.stdout.write(`${JSON.stringify(progress, (_key, value: unknown) => (value instanceof Error ? value.message : value))}\n`),
    onProblem: (line) => process.stderr.write(line),
  });
  return untilStopped(host);
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`${JSON.stringify({ level: 'error', msg: 'the host could not start', problem: describeError(error) })}\n`);
  process.exitCode = 1;
}
