/**
 * `npm test`: everything that has to hold before a change is merged, from a clone with only Node and npm. The last line is `N passed, N failed`:
 * tests over all packages, and a failed check (lint, types, build, package, repository) counted as one.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installIfNeeded, requireNode, root } from './install.mjs';
import { installSystemTools } from './system-tools.mjs';

const startedAt = performance.now();
const seconds = () => `${((performance.now() - startedAt) / 1_000).toFixed(0)} s`;

/** Folders with a vitest project of their own, and therefore a report. */
const tested = () => ['tools', ...['packages', 'apps'].flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`))];

/**
 * Runs a program of node_modules/.bin and resolves to what it printed and its exit code.
 *
 * @param isHeld - whether what it prints is shown when it has ended, because something else prints meanwhile
 */
function run(title, program, args, { isHeld = false } = {}) {
  const heading = `\n── ${title} (${seconds()})`;
  if (!isHeld) console.log(heading);
  return new Promise((resolve) => {
    const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: path } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        if (!isHeld) process.stdout.write(chunk);
        output += chunk;
      });
    }
    child.on('error', (error) => resolve({ exitCode: 1, output: `${output}\n${error.message}` }));
    child.on('close', (exitCode) => {
      if (isHeld) console.log(`${heading}\n${output}`);
      resolve({ exitCode: exitCode ?? 1, output });
    });
  });
}

/** A file that could not be imported has failed without a test in it, and counts as one. */
function countTests(folder) {
  let report;
  try {
    report = JSON.parse(readFileSync(join(root, folder, '.reports/vitest.json'), 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
  const brokenFiles = report.testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'));
  return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length, skipped: report.numPendingTests + report.numTodoTests };
}

/** Nx lists what failed as `- project:target`. */
function failedTasks({ exitCode, output }) {
  if (exitCode === 0) return [];
  const listed = output.replace(/\u001b\[[0-9;]*m/g, '').split('Failed tasks:')[1]?.matchAll(/^- (\S+?)\s*$/gm) ?? [];
  const tasks = [...listed].map(([, task]) => task);
  return tasks.length > 0 ? tasks : ['nx run-many'];
}

const folderOf = (project) =>
  tested().find((folder) => folder !== 'tools' && JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).name === project);

requireNode();
installIfNeeded();
installSystemTools();
for (const folder of tested()) rmSync(join(root, folder, '.reports'), { recursive: true, force: true, maxRetries: 5 });

const checks = [
  ['types of the tools', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  ['lint of tools, examples and benchmarks', 'eslint', ['tools', 'examples', 'bench', '--no-error-on-unmatched-pattern']],
  ['layers, lint rules, and each package installed alone', 'vitest', ['run', '--root', 'tools']],
  ['unused files, exports and dependencies', 'knip', ['--no-progress', '--no-config-hints']],
  ['one version of each dependency', 'sherif', []],
];
const failures = [];
const built = await run('lint, types, builds and package checks of every package', 'nx', ['run-many', '-t', 'lint', 'typecheck', 'build', 'check:package']);
// Tests wait for processes and clocks much of the time. Those of the command line take longest, and would be the last: they run beside those of the other packages, as does what
// checks the repository.
const longest = '@cortex-runtime/cli';
const tests = run('tests of every package', 'nx', ['run-many', '-t', 'test', `--exclude=${longest}`]);
const longestTests = await run(`tests of ${longest}`, 'nx', ['run', `${longest}:test`], { isHeld: true });
for (const [title, program, args] of checks) {
  const { exitCode } = await run(title, program, args, { isHeld: true });
  if (exitCode !== 0 && !(program === 'vitest' && countTests('tools').failed > 0)) failures.push(title);
}
for (const task of [built, await tests, longestTests].flatMap(failedTasks)) {
  const [project, target] = [task.slice(0, task.indexOf(':')), task.slice(task.indexOf(':') + 1)];
  const folder = folderOf(project);
  if (target !== 'test' || folder === undefined || countTests(folder).failed === 0) failures.push(task);
}

const counts = tested().filter((folder) => statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory()).map(countTests);
const sum = (key) => counts.reduce((total, each) => total + each[key], 0);
const failed = sum('failed') + failures.length;
console.log('');
for (const failure of failures) console.log(`failed: ${failure}`);
if (sum('skipped') > 0) console.log(`${sum('skipped')} skipped`);
console.log(`all of it took ${seconds()}`);
console.log(`${sum('passed')} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
