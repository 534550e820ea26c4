import { readFile } from 'node:fs/promises';

import { UsageError } from './errors.ts';

/**
 * The JSON of an option: written out, `@FILE` for the content of a file, or `-` for the standard input.
 *
 * @throws UsageError when it is no JSON or can not be read
 */
export async function jsonArgument(option: string, text: string, readInput: () => Promise<string>): Promise<unknown> {
  const source = text === '-' ? 'the standard input' : text.startsWith('@') ? text.slice(1) : undefined;
  let content = text;
  try {
    if (text === '-') content = await readInput();
    else if (text.startsWith('@')) content = await readFile(text.slice(1), 'utf8');
  } catch (error) {
    throw new UsageError(`${option}: can not read ${source ?? ''}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    const hint = source === undefined ? `; quote it for the shell, as in ${option} '{"order_id": "A-1001"}'` : '';
    throw new UsageError(`${option}: ${source ?? 'the text'} is not JSON (${(error as Error).message})${hint}`, { cause: error });
  }
}
