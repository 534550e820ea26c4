import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const layer = (name, ...below) => ({ sourceTag: `layer:${name}`, onlyDependOnLibsWithTags: [name, ...below].map((each) => `layer:${each}`) });

const edge = ['packages/host', 'packages/cli', 'packages/server', 'packages/testing', 'packages/create-cortex-plugin', 'apps/*'].map((folder) => `${folder}/**`);
const tests = ['**/*.test.ts', '**/*.test-d.ts', '**/test/**', '**/src/testing/**'];
const configs = ['**/*.config.ts', '*.base.ts'];

/** Files below the edge that are the outside world. A package publishes them as `./node`, which only the edge and tests may import. */
const seamImplementations = ['packages/*/src/node/**'];

const houseSyntax = [
  { selector: 'ExportAllDeclaration', message: 'Name what is exported: the public surface is read in one glance.' },
  { selector: 'ExportDefaultDeclaration', message: 'Use a named export: the same thing has the same name everywhere.' },
];

const seamSyntax = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Pass a Clock (@cortex-runtime/core) and use its now().' },
  { selector: "CallExpression[callee.name='Date']", message: 'Pass a Clock (@cortex-runtime/core) and use its now().' },
];

const outside = {
  'node:fs': 'Disk', 'node:fs/promises': 'Disk', fs: 'Disk', 'fs/promises': 'Disk',
  'node:http': 'Net', 'node:https': 'Net', 'node:http2': 'Net', 'node:tls': 'Net', 'node:dgram': 'Net', 'node:dns': 'Net', 'node:dns/promises': 'Net',
  http: 'Net', https: 'Net',
  'node:timers': 'Clock', 'node:timers/promises': 'Clock', 'node:perf_hooks': 'Clock',
};

const seamImports = [
  ...Object.entries(outside).map(([name, seam]) => ({ name, allowTypeImports: true, message: `Pass a ${seam} (@cortex-runtime/core); the edge chooses the real one.` })),
  ...['node:net', 'net'].map((name) => ({
    name,
    allowTypeImports: true,
    allowImportNames: ['BlockList', 'SocketAddress', 'isIP', 'isIPv4', 'isIPv6'], // arithmetic on addresses
    message: 'Pass a Net (@cortex-runtime/core); the edge chooses the real one.',
  })),
  ...['node:child_process', 'child_process'].map((name) => ({ name, allowTypeImports: true, message: 'Only the edge starts processes; pass a function that does.' })),
  ...['node:crypto', 'crypto'].map((name) => ({
    name,
    importNames: ['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues', 'webcrypto'],
    message: 'Pass a Random (@cortex-runtime/core); idGenerator makes ids from it.',
  })),
  { name: 'node:process', message: 'Only the edge reads the environment or ends the process.' },
];

const adapters = {
  group: ['@cortex-runtime/*/redis', '@cortex-runtime/*/postgres', '@cortex-runtime/*/testing', '@cortex-runtime/*/node', '@cortex-runtime/models/ai-sdk', '@cortex-runtime/models/scripted'],
  message: 'Only the edge and tests choose an adapter.',
};

const timers = ['setTimeout', 'setInterval', 'setImmediate'];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/.nx/**', '**/coverage/**', '**/node_modules/**', '**/.reports/**', '**/.cortex/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mjs'],
    rules: {
      eqeqeq: ['error', 'always'],
      'max-lines': ['warn', 400],
      'no-constant-binary-expression': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'off',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // One name for a schema and its type is the house style.
      '@typescript-eslint/no-redeclare': 'off',
    },
  },
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-restricted-syntax': ['error', ...houseSyntax],
    },
  },
  {
    files: ['packages/*/src/**/*.ts', 'packages/*/test/**/*.ts', 'apps/*/src/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['packages/**/*.ts', 'apps/**/*.ts'],
    ignores: configs, // they reach the root by relative path; the rule would refuse them
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': ['error', {
        banTransitiveDependencies: true,
        checkDynamicDependenciesExceptions: ['.*'], // it cannot see subpaths: a light one is imported at once while the package behind it is loaded when needed
        depConstraints: [
          layer('core'),
          layer('port', 'core'),
          layer('service', 'port', 'core'),
          layer('runtime', 'service', 'port', 'core'),
          { sourceTag: 'layer:edge', onlyDependOnLibsWithTags: ['*'] },
        ],
      }],
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: [...edge, ...tests, ...seamImplementations],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { paths: seamImports, patterns: [adapters] }],
      'no-restricted-globals': ['error', ...timers.map((name) => ({ name, message: 'Pass a Clock (@cortex-runtime/core) and use its timers.' }))],
      'no-restricted-properties': ['error',
        { object: 'Date', property: 'now', message: 'Pass a Clock (@cortex-runtime/core) and use its now().' },
        { object: 'performance', property: 'now', message: 'Pass a Clock (@cortex-runtime/core).' },
        { object: 'Math', property: 'random', message: 'Pass a Random (@cortex-runtime/core).' },
        { object: 'crypto', property: 'randomUUID', message: 'Pass a Random (@cortex-runtime/core); idGenerator makes ids from it.' },
        { object: 'crypto', property: 'getRandomValues', message: 'Pass a Random (@cortex-runtime/core).' },
        ...timers.map((property) => ({ object: 'globalThis', property, message: 'Pass a Clock (@cortex-runtime/core) and use its timers.' })),
        ...['env', 'exit', 'kill', 'chdir'].map((property) => ({ object: 'process', property, message: 'Only the edge reads the environment or ends the process.' })),
      ],
      'no-restricted-syntax': ['error', ...houseSyntax, ...seamSyntax],
    },
  },
  { files: configs, rules: { 'no-restricted-syntax': 'off' } },
);
