import { duration, parseDocument, type Disk } from '@cortex-runtime/core';
import { parseDocument as parseYaml } from 'yaml';
import { z } from 'zod';

import { ModelScriptUnreadableError } from '../errors.ts';

const texts = z.union([z.string(), z.array(z.string()).min(1)]);

const usage = z.strictObject({
  inputTokens: z.int().min(0).describe('Tokens of the request.'),
  outputTokens: z.int().min(0).describe('Tokens of the answer.'),
  cachedInputTokens: z.int().min(0).default(0).describe('Tokens of the request that came from a cache.'),
});

const ToolCallTemplate = z.strictObject({
  name: z.string().min(1).describe('Name of the tool as the agent sees it: server__tool.'),
  arguments: z.record(z.string(), z.unknown()).default({}).describe('Arguments; texts in them may hold {{ }} places.'),
});

/** What a rule answers. */
export const ScriptResponse = z
  .strictObject({
    text: z.string().default('').describe('The answer; may hold {{ }} places.'),
    toolCalls: z.array(ToolCallTemplate).default([]).describe('Tools to call, in this order.'),
    usage: usage.optional().describe('Tokens to report; an estimate of a token per four characters when left out.'),
    delayMs: duration('s', { name: 'delay' }).default(0).describe('Wait before the answer begins.'),
  })
  .refine((response) => response.text !== '' || response.toolCalls.length > 0, { error: 'must have text or tool_calls' });
export type ScriptResponse = z.output<typeof ScriptResponse>;

/** When a rule applies: all that is written here must hold. */
export const ScriptCondition = z.strictObject({
  triggerType: texts.optional().describe('The wake came from one of these: cron, webhook, file_watch, message …'),
  userContains: texts.optional().describe('The last user message holds all of these texts, whatever their case.'),
  turn: z.int().min(1).optional().describe('The model turn of this run, counted from 1.'),
  afterTool: texts.optional().describe('The tool results since the last turn include one of these tools; "any" is any tool.'),
  toolResultContains: texts.optional().describe('The last tool result holds all of these texts, whatever their case.'),
  toolFailed: z.boolean().optional().describe('Whether the last tool result is an error.'),
});
export type ScriptCondition = z.output<typeof ScriptCondition>;

/** One rule; the first that applies answers. */
export const ScriptRule = z.strictObject({
  name: z.string().min(1).optional().describe('Shown in the metadata of the answer.'),
  when: ScriptCondition.prefault({}).describe('A rule without after_tool, turn, tool_result_contains or tool_failed answers the first turn only.'),
  respond: ScriptResponse,
});
export type ScriptRule = z.output<typeof ScriptRule>;

/** The file of a `scripted:` model. */
export const ModelScript = z.strictObject({
  version: z.literal(1).default(1),
  description: z.string().optional(),
  rules: z.array(ScriptRule).default([]).describe('Tried from top to bottom.'),
  fallback: ScriptResponse.optional().describe('The answer when no rule applies.'),
});
export type ModelScript = z.output<typeof ModelScript>;

/** A script is small: more than this is a mistake or an attack. */
const maxScriptBytes = 1_000_000;

/**
 * @throws ModelScriptUnreadableError when the file is not there, is too large or is no YAML or JSON
 * @throws DocumentError with the path of every mistake, when it is no script
 */
export async function readScript(disk: Disk, path: string): Promise<ModelScript> {
  let text: string;
  const known = scriptsOf(disk);
  let version: string;
  try {
    const found = await disk.stat(path);
    if (found === undefined) throw new ModelScriptUnreadableError(path, 'there is no such file');
    if (found.size > maxScriptBytes) throw new ModelScriptUnreadableError(path, `it has ${found.size} bytes, the limit is ${maxScriptBytes}`);
    version = `${found.modifiedAt}:${found.size}`;
    const same = known.get(path);
    if (same?.version === version) return same.script;
    text = Buffer.from(await disk.readFile(path)).toString('utf8');
  } catch (error) {
    if (error instanceof ModelScriptUnreadableError) throw error;
    throw new ModelScriptUnreadableError(path, (error as Error).message, { cause: error });
  }
  const document = parseYaml(text, { prettyErrors: true, uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) throw new ModelScriptUnreadableError(path, problem.message);
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ModelScriptUnreadableError(path, (error as Error).message, { cause: error });
  }
  const script = parseDocument(ModelScript, raw ?? {}, `the model script ${path}`);
  known.set(path, { version, script });
  const [oldest] = known.keys();
  if (known.size > keptScripts && oldest !== undefined) known.delete(oldest);
  return script;
}

/** Scripts are shared: a fleet of thousands that answers from one file reads it once, and again when it has changed. */
const scripts = new WeakMap<Disk, Map<string, { version: string; script: ModelScript }>>();
const keptScripts = 100;

function scriptsOf(disk: Disk): Map<string, { version: string; script: ModelScript }> {
  const known = scripts.get(disk) ?? new Map<string, { version: string; script: ModelScript }>();
  scripts.set(disk, known);
  return known;
}
