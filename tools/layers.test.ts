import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readWorkspaces, root, type Workspace } from './repository.ts';

/** The table of docs/architecture.md, written a second time so that loosening the lint rule does not go unnoticed. */
const mayImport: Record<string, readonly string[]> = {
  'layer:core': ['layer:core'],
  'layer:port': ['layer:port', 'layer:core'],
  'layer:service': ['layer:service', 'layer:port', 'layer:core'],
  'layer:runtime': ['layer:runtime', 'layer:service', 'layer:port', 'layer:core'],
  'layer:edge': ['layer:edge', 'layer:runtime', 'layer:service', 'layer:port', 'layer:core'],
};

const rooms: Record<string, string> = {
  core: 'core',
  journal: 'port', bus: 'port', memory: 'port', models: 'port', sandbox: 'port',
  governance: 'service', inbox: 'service', triggers: 'service', session: 'service', plugins: 'service', 'tag-engine': 'service', knowledge: 'service', manifest: 'service',
  'agent-process': 'runtime', dispatch: 'runtime', frameworks: 'runtime', fleet: 'runtime', 'orchestration-client': 'runtime',
  server: 'edge', host: 'edge', cli: 'edge', testing: 'edge', 'create-cortex-plugin': 'edge',
};

const workspaces = readWorkspaces();
const layerOf = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest.nx.tags.find((tag) => tag.startsWith('layer:')) ?? 'none']));

const isTest = (file: string): boolean => /\.test(-d)?\.ts$/.test(file) || file.startsWith('test/');

/** Internal packages that the files of `workspace` import, with one file as the witness of each. */
function importsOf({ folder, manifest }: Workspace, select: (file: string) => boolean): Map<string, string> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /^(src|test|bin)\//.test(file) && /\.(ts|mjs)$/.test(file) && select(file));
  const imports = new Map<string, string>();
  for (const file of files) {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(root, folder, file), 'utf8'), true, true);
    for (const { fileName } of importedFiles) {
      const name = /^@cortex-runtime\/[^/]+/.exec(fileName)?.[0];
      if (name !== undefined && name !== manifest.name) imports.set(name, `${folder}/${file}`);
    }
  }
  return imports;
}

const imports = new Map(workspaces.map((workspace) => [workspace.manifest.name, importsOf(workspace, (file) => !isTest(file))]));

/** The first path that returns to where it began, or `undefined`. */
function findCycle(edges: Map<string, Iterable<string>>): string[] | undefined {
  const finished = new Set<string>();
  const visit = (name: string, path: string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (finished.has(name)) return undefined;
    for (const next of edges.get(name) ?? []) {
      const cycle = visit(next, [...path, name]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(name);
    return undefined;
  };
  for (const name of edges.keys()) {
    const cycle = visit(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe('layers', () => {
  it('gives every package and app exactly one layer, and that of its room', () => {
    for (const { folder, manifest } of workspaces) {
      const [parent, room = ''] = folder.split('/');
      const expected = parent === 'apps' ? 'edge' : rooms[room];
      expect(manifest.nx.tags.filter((tag) => tag.startsWith('layer:')), `${folder} (a new room is added to this test and to docs/architecture.md)`).toEqual([`layer:${expected}`]);
    }
  });

  it('lets no source file import a package of a higher layer', () => {
    const climbing = [...imports].flatMap(([from, targets]) =>
      [...targets].filter(([to]) => !mayImport[layerOf.get(from) ?? '']?.includes(layerOf.get(to) ?? '')).map(([to, file]) => `${file} imports ${to} (${layerOf.get(to)})`));
    expect(climbing).toEqual([]);
  });

  it('finds every imported package in the package.json of its importer', () => {
    const undeclared = workspaces.flatMap((workspace) => {
      const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = workspace.manifest;
      const atRun = [...importsOf(workspace, (file) => !isTest(file) && !file.startsWith('src/testing/'))].filter(([name]) => !(name in dependencies || name in peerDependencies));
      const inTests = [...importsOf(workspace, isTest)].filter(([name]) => !(name in dependencies || name in peerDependencies || name in devDependencies));
      return [...atRun, ...inTests].map(([name, file]) => `${file} imports ${name}`);
    });
    expect(undeclared).toEqual([]);
  });

  it('has no cycle between packages', () => {
    expect(findCycle(new Map([...imports].map(([name, targets]) => [name, targets.keys()])))).toBeUndefined();
    const declared = workspaces.map(({ manifest }) => [manifest.name, Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })] as const);
    expect(findCycle(new Map(declared))).toBeUndefined();
  });

  it('agrees with the graph that Nx uses to order and cache tasks', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cortex-graph-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'graph.json');
    execFileSync(join(root, 'node_modules/.bin/nx'), ['graph', `--file=${file}`], { cwd: root, stdio: 'ignore' });
    const { graph } = JSON.parse(readFileSync(file, 'utf8')) as {
      graph: { nodes: Record<string, { data: { tags: string[] } }>; dependencies: Record<string, { target: string }[]> };
    };
    for (const [from, edges] of Object.entries(graph.dependencies)) {
      const allowed = mayImport[layerOf.get(from) ?? ''] ?? [];
      const climbing = edges.filter(({ target }) => target in graph.nodes && !allowed.includes(graph.nodes[target]?.data.tags.find((tag) => tag.startsWith('layer:')) ?? ''));
      expect(climbing, from).toEqual([]);
    }
    const known = [...imports].flatMap(([from, targets]) => [...targets.keys()].map((to) => `${from} -> ${to}`));
    const inGraph = Object.entries(graph.dependencies).flatMap(([from, edges]) => edges.map(({ target }) => `${from} -> ${target}`));
    expect(known.filter((edge) => !inGraph.includes(edge))).toEqual([]);
  });
});
