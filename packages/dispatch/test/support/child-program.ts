import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

import { onTestFinished } from 'vitest';

export interface ChildProgram {
  child: ChildProcess;
  /** The next line of its output; undefined when it has ended. */
  nextLine(): Promise<string | undefined>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

export interface ProcessOptions {
  /** Of Node itself. */
  nodeOptions?: readonly string[];
  /** Its standard error is not shown: it is meant to fail. */
  isSilent?: boolean;
}

/**
 * Runs an exported function of a file in `test/support`, from the sources, in a process of its own, which ends with the test.
 *
 * @param options - handed to the function as JSON
 */
export async function startProgram(file: string, name: string, options: object = {}, { nodeOptions = [], isSilent = false }: ProcessOptions = {}): Promise<ChildProgram> {
  const { bundleSource } = (await import(new URL('../../../../tools/source-bundle.mjs', import.meta.url).href)) as { bundleSource(entry: string): Promise<string> };
  const program = pathToFileURL(await bundleSource(`packages/dispatch/test/support/${file}`)).href;
  const script = `const { ${name} } = await import(${JSON.stringify(program)}); await ${name}(${JSON.stringify(options)});`;
  const child = spawn(process.execPath, [...nodeOptions, '--input-type=module', '--eval', script], { stdio: ['pipe', 'pipe', isSilent ? 'ignore' : 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, ended, nextLine: async () => ((await lines.next()) as { value?: string }).value };
}
