import { createRequire } from 'node:module';

/** Runs `cortex` with the given arguments and resolves to the exit code. */
export async function main(_argv: readonly string[]): Promise<number> {
  const { version } = createRequire(import.meta.url)('@cortex-runtime/cli/package.json') as { version: string };
  process.stdout.write(`cortex ${version}\n`);
  return 0;
}
