import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { errorResult, functionTool, toolSource, type ToolCallContext } from './index.ts';

const call: ToolCallContext = { processName: 'p', runId: 'r', effectId: 'e', idempotencyKey: 'k', signal: new AbortController().signal };

describe('functionTool', () => {
  it('turns a zod schema into JSON Schema and hands the function its output', async () => {
    const tool = functionTool({
      name: 'add',
      description: 'Adds.',
      input: z.strictObject({ a: z.number(), b: z.number().default(1) }),
      execute: ({ a, b }) => ({ data: a + b }),
    });
    expect(tool.inputSchema).toMatchObject({ type: 'object', properties: { a: { type: 'number' } }, required: ['a'] });
    expect(await tool.execute({ a: 2 }, call)).toEqual({ content: '3', structured: 3, isError: false });
  });

  it('answers arguments that the schema refuses with an error result, and does not run', async () => {
    let runs = 0;
    const tool = functionTool({ name: 'even', description: '', input: z.strictObject({ n: z.number().refine((n) => n % 2 === 0, 'must be even') }), execute: () => `run ${(runs += 1)}` });
    const result = await tool.execute({ n: 3 }, call);
    expect(result.isError).toBe(true);
    expect(result.content).toContain('must be even');
    expect(runs).toBe(0);
  });

  it('takes a JSON Schema as it is', async () => {
    const tool = functionTool({ name: 'echo', description: '', input: { type: 'object' }, execute: (args, { idempotencyKey }) => `${idempotencyKey} ${JSON.stringify(args)}` });
    expect((await tool.execute({ x: 1 }, call)).content).toBe('k {"x":1}');
  });

  it('asks about unknown outcomes unless the tool only reads or says otherwise', () => {
    const made = (more: object) => functionTool({ name: 't', description: '', input: { type: 'object' }, execute: () => '', ...more }).onUnknown;
    expect(made({})).toBe('ask');
    expect(made({ isReadOnly: true })).toBe('retry');
    expect(made({ onUnknown: 'retry' })).toBe('retry');
    expect(() => made({ onUnknown: 'probe' })).toThrow('no probe function');
  });

  it('probes with the arguments that the function would get', async () => {
    const tool = functionTool({
      name: 'pay',
      description: '',
      input: z.strictObject({ id: z.string() }),
      onUnknown: 'probe',
      execute: () => 'paid',
      probe: ({ id }) => Promise.resolve(id === 'done' ? { happened: true, result: 'paid before' } : { happened: false }),
    });
    expect(await tool.probe?.({ id: 'done' }, call)).toEqual({ happened: true, result: { content: 'paid before', isError: false } });
    expect(await tool.probe?.({ id: 'new' }, call)).toEqual({ happened: false });
  });

  it('refuses a name that a provider would refuse', () => {
    expect(() => functionTool({ name: 'a tool', description: '', input: { type: 'object' }, execute: () => '' })).toThrow('letters');
  });
});

describe('toolSource', () => {
  it('is a source of what it was given', async () => {
    const tool = functionTool({ name: 't', description: '', input: { type: 'object' }, execute: () => '' });
    const source = toolSource('own', [tool]);
    expect(await source.tools()).toEqual([tool]);
    await source.close();
  });
});

describe('errorResult', () => {
  it('tells the model the message and its causes', () => {
    expect(errorResult(new Error('could not pay', { cause: new Error('card expired') }))).toEqual({ content: 'could not pay: card expired', isError: true });
  });
});
