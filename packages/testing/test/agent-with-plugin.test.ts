import { idGenerator, parseDocument, silentLogger as logger } from '@cortex-runtime/core';
import { nodeDisk as disk, nodeNet as net, systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { AgentRuntime } from '@cortex-runtime/agent-process';
import { InMemoryJournal } from '@cortex-runtime/journal';
import { ProcessConfig } from '@cortex-runtime/manifest';
import { fromScript, ModelScript } from '@cortex-runtime/models/scripted';
import { createPluginRegistry, type ServicePlugin } from '@cortex-runtime/plugins';
import { createWebhookRoutes, cronScheduler } from '@cortex-runtime/triggers';
import { describe, expect, it, onTestFinished } from 'vitest';

const createId = idGenerator({ clock, random });

function notes(kept: string[]): ServicePlugin {
  const parameters = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
  return {
    name: 'notes',
    version: '1.0.0',
    description: 'Keeps notes.',
    setup: () => undefined,
    teardown: () => undefined,
    listActions: () => [{ name: 'add', description: 'Adds.', parameters }, { name: 'burn', description: 'Burns one.', tier: 'confirm', parameters }, { name: 'burn_all', description: 'Burns all.', tier: 'admin' }],
    executeAction: (action, params) => {
      kept.push(`${action} ${String(params['text'])}`);
      return Promise.resolve({ success: true, data: { kept: kept.length } });
    },
    health: () => Promise.resolve({ plugin: 'notes', status: 'healthy' }),
  };
}

/** An agent that calls the tool that its event names, with the event's text. */
async function agentWithNotes() {
  const journal = new InMemoryJournal({ clock, createId });
  const kept: string[] = [];
  const registry = createPluginRegistry({ clock, createId, logger, journal });
  await registry.register(notes(kept));
  const whenNamed = (name: string) => ({ when: { turn: 1, user_contains: `"${name}"` }, respond: { tool_calls: [{ name, arguments: { text: '{{payload.text}}' } }] } });
  const model = fromScript({ clock, logger }, 'scripted:test', parseDocument(ModelScript, {
    rules: [...['notes__add', 'notes__burn', 'notes__burn_all'].map(whenNamed), { when: { after_tool: 'any' }, respond: { text: 'told: {{result}}' } }],
    fallback: { text: 'nothing to do' },
  }));
  const scheduler = cronScheduler(clock);
  const runtime = new AgentRuntime({
    clock, random, disk, net, logger, createId, scheduler,
    environment: {},
    openJournal: () => Promise.resolve(journal),
    createModel: () => Promise.resolve(model),
    createToolSource: (name) => registry.toolSource(name),
    tools: await registry.toolSource('notes').tools(),
    costOf: () => 0,
    webhookRoutes: createWebhookRoutes(),
  });
  onTestFinished(async () => {
    await runtime.close();
    scheduler.close();
    await registry.close();
  });
  const agent = await runtime.addProcess('clerk', parseDocument(ProcessConfig, { model: 'scripted:test' }));
  await agent.start();
  let runs = 0;
  return {
    registry,
    kept,
    /** The content of the tool result and the answer of the run. */
    async ask(tool: string, text: string): Promise<{ told: unknown; isError: unknown; kinds: string[] }> {
      runs += 1;
      await agent.inject({ payload: { tool, text } });
      await expect.poll(() => agent.status().invocation_count, { timeout: 10_000 }).toBe(runs);
      const entries = await agent.readJournal();
      const last = entries.filter(({ entryType }) => entryType === 'tool_result').at(-1);
      return { told: last?.data['content'], isError: last?.data['is_error'], kinds: entries.map(({ entryType }) => entryType).filter((each) => each.startsWith('tool_')) };
    },
  };
}

describe('an agent with a plugin', () => {
  it('calls its actions as journaled effects, and waits for a person where the tier says so', async () => {
    const { registry, kept, ask } = await agentWithNotes();
    expect(await ask('notes__add', 'milk')).toEqual({ told: '{"kept":1}', isError: false, kinds: ['tool_call', 'tool_result'] });

    const asked = await ask('notes__burn', 'milk');
    expect(asked.isError).toBe(true);
    expect(asked.told).toMatch(/waits for a person's approval/);
    expect(kept).toEqual(['add milk']);

    const [request] = await registry.approvals('pending');
    expect(request).toMatchObject({ plugin: 'notes', action: 'burn', params: { text: 'milk' }, requestedBy: 'clerk' });
    await registry.approve(request?.id ?? '', { by: 'ada' });
    expect((await ask('notes__burn', 'bread')).isError).toBe(true); // not what was approved
    expect(await ask('notes__burn', 'milk')).toMatchObject({ told: '{"kept":2}', isError: false });
    expect(kept).toEqual(['add milk', 'burn milk']);
  });

  it('has no tool of the ADMIN tier, whatever it asks for', async () => {
    const { kept, ask } = await agentWithNotes();
    expect((await ask('notes__burn_all', 'x')).told).toMatch(/there is no tool "notes__burn_all"/);
    expect(kept).toEqual([]);
  });
});
