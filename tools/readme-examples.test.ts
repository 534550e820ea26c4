import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { readWorkspaces, root } from './repository.ts';

/** The TypeScript of a README, each block as a module beside it. */
function examplesOf(folder: string): [path: string, code: string][] {
  const path = join(root, folder, 'README.md');
  if (!existsSync(path)) return [];
  const blocks = [...readFileSync(path, 'utf8').matchAll(/^```ts(?: run)?\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  return blocks.map((code, index) => [join(root, folder, `readme-example-${index + 1}.ts`), `${code}\nexport {};\n`]);
}

/** What TypeScript says of a name that an example takes for given: a clock, an agent, a plugin of the reader. */
const givenNames = [2304, 18_004];

// Weakness 36: documents told of methods, fields and arguments that did not exist.
it('every TypeScript example of a README uses what exists, with the types that it has', () => {
  const examples = new Map(readWorkspaces().flatMap(({ folder }) => examplesOf(folder)));
  expect(examples.size).toBeGreaterThan(20);
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, root);
  options.exactOptionalPropertyTypes = false; // as most who read them have it
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => examples.has(path) || fileExists(path);
  host.readFile = (path) => examples.get(path) ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => (examples.has(path) ? ts.createSourceFile(path, examples.get(path) ?? '', language) : getSourceFile(path, language, ...rest));
  const program = ts.createProgram([...examples.keys()], options, host);
  const problems = [...examples.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    const told = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].filter(({ code }) => !givenNames.includes(code));
    return told.map(({ messageText, start = 0 }) => {
      const line = examples.get(path)?.slice(0, start).split('\n').length;
      return `${path.slice(root.length)} line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
  expect(problems).toEqual([]);
});
