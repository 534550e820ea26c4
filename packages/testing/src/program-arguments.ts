import { pathToFileURL } from 'node:url';

/** Arguments for `node` that run the function `functionName` of a JavaScript module with `options`: how a test starts one of our programs as a child of its own. */
export function programArguments(modulePath: string, functionName: string, options: object): string[] {
  const script = `const program = await import(${JSON.stringify(pathToFileURL(modulePath).href)}); await program[${JSON.stringify(functionName)}](${JSON.stringify(options)});`;
  return ['--input-type=module', '--eval', script];
}
