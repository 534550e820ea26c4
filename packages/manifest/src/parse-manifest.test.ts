import { createTriggerRegistry } from '@cortex-runtime/triggers';
import { describe, expect, it } from 'vitest';

import { ManifestError, ManifestValidationError } from './errors.ts';
import { parseManifest } from './parse-manifest.ts';

function messageOf(text: string, environment: Record<string, string> = {}): string {
  try {
    parseManifest(text, 'agents/x.agent', { environment });
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.message;
  }
  return 'accepted';
}

const config = (text: string, environment: Record<string, string> = {}) => parseManifest(`name: x\n${text}`, 'x.agent', { environment }).config;

describe('the errors of a manifest', () => {
  it.each([
    ['an unknown key', 'name: x\ntriggers:\n  - type: cron\n    cron_expresion: "* * * * *"\n    cron_expression: "* * * * *"', 'agents/x.agent:4:5: triggers[0].cron_expresion: unknown key; did you mean "cron_expression"?'],
    ['a key in camelCase', 'name: x\nexecutionMode: strict', 'agents/x.agent:2:1: executionMode: unknown key; did you mean "execution_mode"?'],
    ['a setting at the wrong level', 'name: x\nconcurrency: 2', 'agents/x.agent:2:1: concurrency: unknown key at the top of a manifest; it belongs under config: config.concurrency'],
    ['a missing name', 'model: a:b', 'agents/x.agent:1:1: name: expected string, got nothing'],
    ['a name with a space', 'name: my agent', 'agents/x.agent:1:7: name: must begin with a letter and hold at most 64 letters, digits, _ and -, got "my agent"'],
    ['a wrong version', 'name: x\nversion: "2.0"', 'agents/x.agent:2:10: version: expected "1.0", got "2.0"'],
    ['a number out of bounds', 'name: x\nconfig:\n  concurrency: 0', 'agents/x.agent:3:16: config.concurrency: Too small: expected number to be >=1, got 0'],
    ['a wrong kind of value', 'name: x\nconfig: {max_turns: many}', 'agents/x.agent:2:21: config.max_turns: expected number, got "many"'],
    ['a wrong word', 'name: x\njournal: {level: everything}', 'agents/x.agent:2:18: journal.level: Invalid option: expected one of "none"|"checkpoint"|"full", got "everything"'],
    ['a server that is neither', 'name: x\nservers:\n  a: {comand: x}', 'agents/x.agent:3:7: servers.a.comand: unknown key; did you mean "command"?'],
    ['a name of a server with a space', 'name: x\nservers:\n  "a b": {command: x}', 'agents/x.agent:3:10: servers["a b"]: the name must be letters, digits, _ or -'],
    ['a domain whose stream would be that of agents', 'name: x\ntriggers: [{type: task, task_domains: [agent]}]', 'agents/x.agent:2:40: triggers[0].task_domains[0]: is where tasks of single agents are kept; give the domain another name, got "agent"'],
    ['an event type that nothing can have', 'name: x\ntriggers: [{type: event, event_type: "a b"}]', 'agents/x.agent:2:38: triggers[0].event_type: must be words of letters, digits, "_", "-" and ":" separated by dots'],
    ['an unknown key of a server over HTTP', 'name: x\nservers:\n  a: {url: "http://h/", bearer: x}', 'agents/x.agent:3:25: servers.a.bearer: unknown key'],
    ['an unknown key of a plugin', 'name: x\nplugins:\n  calendar:\n    actions:\n      create_event: {teir: confirm}', 'agents/x.agent:5:22: plugins.calendar.actions.create_event.teir: unknown key; did you mean "tier"?'],
    ['a tier that is none', 'name: x\nplugins: {calendar: {actions: {create_event: {tier: ask}}}}', 'agents/x.agent:2:53: plugins.calendar.actions.create_event.tier: Invalid option: expected one of "auto"|"confirm"|"admin", got "ask"'],
    ['a plugin at two places', 'name: x\nplugins:\n  calendar:\n    package: a\n    path: ./a', 'agents/x.agent:5:11: plugins.calendar.path: package and path name two places; keep one of them'],
    ['a name that no plugin can have', 'name: x\nplugins: {my__calendar: {}}', 'agents/x.agent:2:25: plugins.my__calendar: '],
    ['a plugin with the name of a server', 'name: x\nservers: {office: {command: x}}\nplugins: {office: {}}', 'agents/x.agent:3:19: plugins.office: is the name of a server, too; their tools would have the same names'],
    ['tiers of a server whose name can not be a plugin\'s', 'name: x\nconfig:\n  servers:\n    a__b: {command: x, tiers: {pay: confirm}}', 'agents/x.agent:4:11: config.servers.a__b: has tiers; the name of such a server must be letters and digits'],
    ['a masked secret', 'name: x\ntriggers: [{type: webhook, hmac_secret: "**********"}]', 'agents/x.agent:2:41: triggers[0].hmac_secret: is a masked value; give the secret itself or a ${NAME} reference'],
    ['a number where the document should be', '42', 'agents/x.agent:1:1: must be a map of settings, such as "name: my-agent"'],
    ['a list where the document should be', '- name: x', 'agents/x.agent:1:1: must be a map of settings'],
    ['an empty file', '# nothing\n', 'agents/x.agent: is empty; a manifest needs at least a name'],
    ['no YAML', 'name: [x', 'agents/x.agent:1:9: '],
    ['a cron expression of four fields', 'name: x\ntriggers:\n  - type: cron\n    cron_expression: "* * * *"', 'agents/x.agent:4:22: triggers[0].cron_expression: '],
    ['a zone that does not exist', 'name: x\nconfig:\n  triggers:\n    - type: cron\n      cron_expression: "* * * * *"\n      cron_timezone: Mars/Base', 'agents/x.agent:6:22: config.triggers[0].cron_timezone: '],
    ['a trigger without what its type needs', 'name: x\ntriggers:\n  - type: file_watch', 'agents/x.agent:3:5: triggers[0].watch_path: is required for a file_watch trigger'],
    ['an unknown trigger type', 'name: x\ntriggers:\n  - type: corn', 'agents/x.agent:3:11: triggers[0].type: '],
    ['a filter that is no expression', 'name: x\ntriggers:\n  - type: webhook\n    filter_expression: "payload.a >"', 'agents/x.agent:4:24: triggers[0].filter_expression: '],
    ['two equal triggers', 'name: x\ntriggers:\n  - {type: webhook}\n  - {type: webhook}', 'agents/x.agent:4:5: triggers[1]: is the same as triggers[0]; give it an id of its own, or remove it'],
    ['two triggers with one id', 'name: x\ntriggers:\n  - {type: webhook, id: a}\n  - {type: webhook, id: a, webhook_path: /b}', 'agents/x.agent:4:5: triggers[1]: has the id a of triggers[0]; give it an id of its own, or remove it'],
  ])('say where and what: %s', (_, text, expected) => {
    const message = messageOf(text);
    expect(message.startsWith(expected) ? expected : message).toBe(expected);
  });

  it('come all at once, in the order of the file', () => {
    const text = 'nme: x\nconfig:\n  concurrency: 0\n  concurency: 3\njournal: {level: x}';
    expect(messageOf(text).split('\n').map((line) => line.split(': ')[0])).toEqual(['agents/x.agent:1:1', 'agents/x.agent:3:16', 'agents/x.agent:4:3', 'agents/x.agent:5:18']);
  });

  it('are errors of the seed with their facts', () => {
    const attempt = (text: string) => {
      try {
        return parseManifest(text, 'x.agent');
      } catch (error) {
        return error;
      }
    };
    const invalid = attempt('name: x\nnope: 1');
    expect(invalid).toBeInstanceOf(ManifestValidationError);
    expect(invalid).toBeInstanceOf(ManifestError);
    expect(invalid).toMatchObject({ code: 'MANIFEST_INVALID', filePath: 'x.agent', line: 2, column: 1, errors: [{ path: 'nope', line: 2, column: 1 }] });
    expect(attempt('a: [')).toMatchObject({ code: 'MANIFEST_ERROR', filePath: 'x.agent', line: 1, retryable: false });
    expect(attempt('a: [')).not.toBeInstanceOf(ManifestValidationError);
  });
});

describe('a manifest', () => {
  it('needs a name only, and has the defaults of a process and a full journal', () => {
    const { manifest, config: defaults } = parseManifest('name: x', 'x.agent');
    expect(manifest).toEqual({ name: 'x' });
    expect(defaults).toMatchObject({ model: 'openai:gpt-5-mini', journal: { level: 'full', backend: 'file' }, concurrency: 1, restartPolicy: 'never', idleTimeoutMs: 0, heartbeatIntervalMs: 10_000, triggerDelivery: { maxRetries: 3 } });
  });

  it('may leave out the quotes of its version', () => {
    expect(parseManifest('version: 1.0\nname: x', 'x.agent').manifest.version).toBe('1.0');
  });

  it('is its top, its config, its world and its memory', () => {
    const settings = config('model: a:b\nworld: {someKey: 1}\nmemory: {provider: in_memory, max: 2, min_score: 0.5, timeout: 1s}\ncontext: {env_prefix: X_}\nbudget: {max_runs_per_day: 4}\nconfig: {concurrency: 3, idle_timeout: 2m, inbox: {enabled: true}}');
    expect(settings).toMatchObject({
      model: 'a:b',
      context: { initialState: { someKey: 1 }, memoryProvider: 'in_memory', memoryMax: 2, memoryMinScore: 0.5, memoryTimeoutMs: 1_000, memoryUserId: 'default', envPrefix: 'X_' },
      budget: { maxRunsPerDay: 4 },
      concurrency: 3,
      idleTimeoutMs: 120_000,
      inbox: { enabled: true },
    });
  });

  it('says which plugins the agent may use, and on which terms', () => {
    expect(config('plugins: {calendar: {path: ./c, settings: {someUrl: u}, allow: [list], actions: {list: {timeout: 30s, approval_ttl: 1h, on_unknown: ask}, "*": {tier: confirm}}}}').plugins).toEqual({
      calendar: { path: './c', settings: { someUrl: 'u' }, allow: ['list'], actions: { list: { timeoutMs: 30_000, approvalTtlMs: 3_600_000, onUnknown: 'ask' }, '*': { tier: 'confirm' } } },
    });
    expect(config('servers: {office: {command: x, tiers: {refund: confirm}}}').servers['office']).toMatchObject({ tiers: { refund: 'confirm' } });
  });

  it('merges world and memory into a context that stands under config', () => {
    expect(config('world: {a: 1}\nmemory: {}\nconfig: {context: {env_prefix: X_, memory_max: 9}}').context).toMatchObject({ initialState: { a: 1 }, memoryProvider: 'in_memory', memoryMax: 9, envPrefix: 'X_' });
  });

  it.each([
    ['budget: {enabled: true}\nconfig: {budget: {enabled: false}}', 'config.budget: is set a second time, budget sets the same; keep one of the two'],
    ['inbox: {}\nconfig: {inbox: {}}', 'config.inbox: is set a second time, inbox sets the same; keep one of the two'],
    ['model: a:b\nconfig: {model: a:b}', 'config.model: is set a second time, model sets the same; keep one of the two'],
    ['world: {a: 1}\ncontext: {initial_state: {}}', 'context.initial_state: is set a second time, world sets the same; keep one of the two'],
    ['memory: {max: 1}\nconfig: {context: {memory_max: 2}}', 'config.context.memory_max: is set a second time, memory.max sets the same; keep one of the two'],
    ['memory: {timeout: 1}\ncontext: {memory_timeout: 2}', 'context.memory_timeout: is set a second time, memory.timeout sets the same; keep one of the two'],
  ])('never leaves open which of two settings counts: %j', (text, expected) => {
    expect(messageOf(`name: x\n${text}`)).toContain(`: ${expected}`);
  });
});

it('knows the trigger types of the registry that it is given', () => {
  const triggerRegistry = createTriggerRegistry();
  const text = 'name: x\ntriggers: [{type: queue, custom_config: {url: "amqp://h"}}]';
  expect(messageOf(text)).toContain('2:19: triggers[0].type: ');
  triggerRegistry.register('queue', () => {
    throw new Error('a check creates no trigger');
  });
  expect(parseManifest(text, 'x.agent', { triggerRegistry }).config.triggers[0]).toMatchObject({ type: 'queue', customConfig: { url: 'amqp://h' } });
});

describe('references in a manifest', () => {
  it('stay references in texts, so that no secret is in the loaded manifest', () => {
    const settings = config('plugins: {p: {settings: {api_key: "${TOKEN}"}}}\nservers: {a: {url: "https://${HOST}/mcp", bearer_token: "${TOKEN}"}}\ntriggers: [{type: webhook, hmac_secret: "${SECRET}"}]', { HOST: 'h', TOKEN: 't-value', SECRET: 's-value' });
    expect(settings.servers['a']).toMatchObject({ url: 'https://${HOST}/mcp', bearerToken: '${TOKEN}' });
    expect(settings.plugins['p']?.settings).toEqual({ api_key: '${TOKEN}' });
    expect(settings.triggers[0]?.hmacSecret).toBe('${SECRET}');
    expect(JSON.stringify(settings)).not.toContain('-value');
  });

  it('are resolved where no text can stand', () => {
    expect(config('journal: {level: "${LEVEL:-none}"}\nconfig: {concurrency: "${N}", idle_timeout: "${IDLE:-90s}"}', { N: '4' })).toMatchObject({ journal: { level: 'none' }, concurrency: 4, idleTimeoutMs: 90_000 });
    expect(messageOf('name: x\nconfig:\n  concurrency: ${N}')).toBe('agents/x.agent:3:16: config.concurrency: the environment variable N is not set; set it, or write a default as ${N:-value}');
  });

  it('are looked up in triggers for the check only', () => {
    const text = 'name: x\ntriggers:\n  - {type: cron, cron_expression: "${WHEN:-*/5 * * * *}"}';
    expect(parseManifest(text, 'x.agent').config.triggers[0]?.cronExpression).toBe('${WHEN:-*/5 * * * *}');
    expect(messageOf(text, { WHEN: 'sometimes' })).toContain('3:35: triggers[0].cron_expression: ');
    expect(messageOf('name: x\ntriggers:\n  - {type: cron, cron_expression: "${UNSET}"}')).toBe('accepted');
  });
});
