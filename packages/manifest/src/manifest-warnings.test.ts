import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { nodeDisk } from '@cortex-runtime/core/node';
import { describe, expect, it, onTestFinished } from 'vitest';

import { inactiveFeatures } from './inactive-features.ts';
import { manifestWarnings, validateManifest } from './manifest-warnings.ts';
import { parseManifest } from './parse-manifest.ts';
import { ProcessConfig } from './process-config.ts';

const complete = 'name: x\ninstructions: Do.\nservers: {s: {command: node}}\n';
const quiet = `${complete}triggers: [{type: cron, cron_expression: "* * * * *"}]\n`;
const warningsOf = (text: string) => manifestWarnings(parseManifest(text, 'x.agent')).map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);

describe('warnings', () => {
  it('are none for a manifest that lacks nothing', () => {
    expect(warningsOf(quiet)).toEqual([]);
  });

  it('name the parts that are missing', () => {
    expect(warningsOf('name: x')).toEqual([
      '1:1 instructions: there are none; the model is told nothing about its task',
      '1:1 triggers: there are none; the agent wakes only when somebody injects an event',
      '1:1 servers: there are none; the agent has no tools',
    ]);
    expect(warningsOf('name: x\nplugins: {calendar: {}}').join()).not.toContain('the agent has no tools');
    expect(warningsOf('name: x\nconfig: {instructions: Do., servers: {s: {command: node}}, triggers: [{type: cron, cron_expression: "* * * * *"}]}')).toEqual([]);
  });

  it.each([
    ['servers: {s: {url: "http://h/", bearer_token: abc}}', '2:47 servers.s.bearer_token'],
    ['servers: {s: {url: "http://h/", api_key: abc}}', '2:42 servers.s.api_key'],
    ['servers: {s: {url: "http://h/", headers: {Authorization: abc}}}', '2:58 servers.s.headers.Authorization'],
    ['servers: {s: {command: node, env: {GITHUB_TOKEN: abc}}}', '2:50 servers.s.env.GITHUB_TOKEN'],
    ['triggers: [{type: webhook, hmac_secret: abc}]', '2:41 triggers[0].hmac_secret'],
    ['config: {model_options: {api_key: abc}}', '2:35 config.model_options.api_key'],
    ['memory: {provider: embedding, embedding_options: {api_key: abc}}', '2:60 memory.embedding_options.api_key'],
    ['context: {memory_embedding_options: {api_key: abc}}', '2:47 context.memory_embedding_options.api_key'],
    ['secrets: {secrets: {a: abc}}', '2:24 secrets.secrets.a'],
    ['plugins: {p: {settings: {url: "http://h/", api_key: abc}}}', '2:53 plugins.p.settings.api_key'],
    ['config: {plugins: {p: {settings: {accounts: [{token: abc}]}}}}', '2:54 config.plugins.p.settings.accounts[0].token'],
  ])('point at the secret in %s, and not at a reference', (text, place) => {
    const message = 'is a secret in plain sight; write ${NAME} and set the environment variable NAME';
    expect(warningsOf(`name: x\n${text}`)).toContain(`${place}: ${message}`);
    expect(warningsOf(`name: x\n${text.replace('abc', '"${ABC}"')}`).join()).not.toContain(message);
  });

  it('do not repeat the secret', () => {
    expect(warningsOf('name: x\ntriggers: [{type: webhook, hmac_secret: sesame}]').join()).not.toContain('sesame');
  });

  it.each([
    ['triggers: [{type: webhook}]', '4:12 triggers[0]: the webhook is not signed: whoever reaches the port can wake the agent; set hmac_secret'],
    ['triggers: [{type: webhook, hmac_secret: "${S}", webhook_port: 9090}]', "4:63 triggers[0].webhook_port: has no effect: webhooks are served on the host's one port, under /hooks/NAME"],
    ['triggers: [{type: webhook, hmac_secret: "${S}", webhook_host: h}]', "4:63 triggers[0].webhook_host: has no effect: webhooks are served on the host's own address"],
    ['triggers: [{type: cron, cron_expression: "0 * * * * *"}]', '4:42 triggers[0].cron_expression: has six fields; the first is read as the seconds. Set cron_seconds to first, or to last if the seconds stand at the end'],
  ])('explain what is easily misread: %s', (text, expected) => {
    expect(warningsOf(`${complete}${text}`)).toEqual([expected]);
  });

  it('say that a directory is of no use to a memory that keeps no files', () => {
    const message = 'has no effect: only the memories file and embedding lie in a directory';
    expect(warningsOf(`${quiet}memory: {persist_directory: x}`)).toEqual([`5:29 memory.persist_directory: ${message}`]);
    expect(warningsOf(`${quiet}context: {memory_provider: postgres, memory_persist_directory: x}`)).toEqual([`5:64 context.memory_persist_directory: ${message}`]);
    for (const provider of ['file', 'embedding']) expect(warningsOf(`${quiet}memory: {provider: ${provider}, persist_directory: x}`)).toEqual([]);
  });

  it('are silent about six fields when the manifest says which of them are the seconds', () => {
    expect(warningsOf(`${complete}triggers: [{type: cron, cron_expression: "0 * * * * *", cron_seconds: first}]`)).toEqual([]);
  });

  it.each([
    ['execution_mode: open', '5:17 execution_mode: accepted, has no effect in this version: the agent runs in strict mode'],
    ['open_mode: {}', '5:12 open_mode: is ignored while execution_mode is strict'],
    ['budget: {enabled: true}', '5:9 budget: accepted, has no effect in this version: nothing limits what the agent spends'],
    ['config: {health: {enabled: true}}', '5:18 config.health: accepted, has no effect in this version: behaviour is not watched'],
    ['mission: {enabled: true}', '5:10 mission: accepted, has no effect in this version: progress is not judged'],
    ['inbox: {enabled: true}', '5:8 inbox: accepted, has no effect in this version: people can not send messages to the agent'],
    ['secrets: {secrets: {a: "${A}"}}', '5:10 secrets: accepted, has no effect in this version: the agent is given no secrets'],
    ['approval: {tools: [x]}', '5:11 approval: accepted, has no effect in this version: which calls wait for an approval is said by plugins.NAME.actions and servers.NAME.tiers'],
    ['memory: {provider: chroma}', '5:20 memory.provider: accepted, has no effect in this version: the agent runs without long-term memory; use embedding, which finds by meaning, or file, postgres or in_memory'],
    ['context: {memory_provider: mem0}', '5:28 context.memory_provider: accepted, has no effect in this version: the agent runs without long-term memory; use embedding, which finds by meaning, or file, postgres or in_memory'],
    ['trigger_delivery: {scan_payloads: true}', '5:35 trigger_delivery.scan_payloads: accepted, has no effect in this version: payloads are not scanned'],
    ['config: {guardrails: {a: 1}}', '5:22 config.guardrails: accepted, has no effect in this version'],
    ['config: {optimize_tools: semantic}', '5:26 config.optimize_tools: accepted, has no effect in this version'],
    ['identity: {role: clerk}', '5:11 identity: accepted, has no effect in this version'],
    ['breaker: {max_depth: 3}', '5:10 breaker: accepted, has no effect in this version: chains of wakes are recorded and not stopped'],
    ['entrypoint: hooks.py', '5:13 entrypoint: accepted, has no effect in this version'],
  ])('say what does nothing yet: %s', (text, expected) => {
    expect(warningsOf(`${quiet}${text}`)).toEqual([expected]);
  });

  it('say nothing about triggers that listen to a bus', () => {
    expect(warningsOf(`${complete}triggers: [{type: event, event_type: a}, {type: message, topic: b}, {type: task, task_domains: [eng]}]`)).toEqual([]);
  });

  it('come from a file, too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cortex-warnings-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'x.agent'), `${quiet}entrypoint: a`);
    expect(await validateManifest(join(folder, 'x.agent'), { disk: nodeDisk })).toEqual([{ path: 'entrypoint', message: 'accepted, has no effect in this version', line: 5, column: 13 }]);
  });
});

describe('inactiveFeatures', () => {
  it('finds nothing in the defaults, nor in sections that are not enabled', () => {
    expect(inactiveFeatures(ProcessConfig.parse({}))).toEqual([]);
    expect(inactiveFeatures(ProcessConfig.parse({ budget: { maxRunsPerDay: 3 }, openMode: {}, context: { memoryProvider: 'in_memory' } }))).toEqual([]);
    for (const memoryProvider of ['file', 'postgres', 'embedding'] as const) expect(inactiveFeatures(ProcessConfig.parse({ context: { memoryProvider, memoryAccess: { read: ['facts'] } } }))).toEqual([]);
  });
});
