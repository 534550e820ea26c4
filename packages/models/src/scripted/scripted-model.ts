import { DocumentError, sleep, type DocumentIssue, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import { resolve } from 'node:path';

import type { ModelProviderFactory } from '../create-model-provider.ts';
import { ModelAbortedError, ModelScriptNoRuleError } from '../errors.ts';
import type { ModelChunk, ModelProvider, ModelRequest, ModelUsage } from '../model-provider.ts';
import type { ModelProviderDeps } from '../provider-options.ts';
import { fillPlaces, fillPlacesAsText, misplaced } from './fill-places.ts';
import { matchRule } from './match-rule.ts';
import { readScene, type ScriptScene } from './script-scene.ts';
import { readScript, type ModelScript, type ScriptResponse } from './script.ts';

/** Said wherever a scripted model speaks. */
export const scriptedNotice = 'scripted answer: no language model was called';

/** `scripted:FILE`: answers from the rules of a YAML or JSON file. The same request gets the same answer, offline and for nothing. */
export const scriptedModel: ModelProviderFactory = async (deps, { modelId, name }) => {
  const path = resolve(deps.baseDirectory, name);
  const script = await readScript(deps.disk, path);
  refuseMisplaced(script, path);
  return fromScript(deps, modelId, script);
};

/** The same from a script that is already there. */
export function fromScript(deps: Pick<ModelProviderDeps, 'clock' | 'logger'>, modelId: string, script: ModelScript): ModelProvider {
  let isAnnounced = false;

  async function* stream(request: ModelRequest): AsyncGenerator<ModelChunk> {
    if (!isAnnounced) {
      isAnnounced = true;
      deps.logger.warn({ modelId }, 'this is not a language model: a scripted model answers from rules, for demos and tests');
    }
    const stopped = () => new ModelAbortedError(modelId, `the call of ${modelId} was aborted`, { cause: request.signal?.reason });
    const refuseAborted = () => {
      if (request.signal?.aborted === true) throw stopped();
    };
    refuseAborted();
    const scene = readScene(request);
    const rule = matchRule(script.rules, scene);
    const response = rule?.respond ?? script.fallback;
    if (response === undefined) throw new ModelScriptNoRuleError(modelId, `no rule of ${modelId} fits ${describeScene(scene)}; add a rule or a fallback`);
    if (response.delayMs > 0) {
      await sleep(deps.clock, response.delayMs, request.signal).catch(() => {
        throw stopped();
      });
    }
    const text = answerText(response, scene);
    for (const piece of text.match(/\S+\s*|\s+/g) ?? []) {
      refuseAborted();
      yield { type: 'text', text: piece };
    }
    const toolCalls = response.toolCalls.map((call, index) => ({
      id: `call_${request.run?.runId ?? 'run'}_${request.messages.length}_${index}`,
      name: call.name,
      arguments: fillPlaces(call.arguments as JsonValue, scene) as JsonObject,
    }));
    for (const toolCall of toolCalls) yield { type: 'tool_call', toolCall };
    yield {
      type: 'finish',
      reason: toolCalls.length > 0 ? 'tool_calls' : 'stop',
      usage: response.usage ?? estimateUsage(request, text + JSON.stringify(toolCalls.map((call) => call.arguments))),
      metadata: { notice: scriptedNotice, rule: rule === undefined ? 'fallback' : (rule.name ?? `rules[${script.rules.indexOf(rule)}]`) },
    };
  }

  return { modelId, isLanguageModel: false, stream };
}

/** A final answer says that it was scripted; what is said beside tool calls is followed by one that does. */
function answerText({ text, toolCalls }: ScriptResponse, scene: ScriptScene): string {
  const filled = fillPlacesAsText(text, scene);
  return toolCalls.length > 0 ? filled : `${filled.trimEnd()}\n\n[${scriptedNotice}]`;
}

/** About a token per four characters, as a rule of thumb for English. */
function estimateUsage(request: ModelRequest, answer: string): ModelUsage {
  const characters = request.messages.reduce((sum, message) => sum + message.content.length, 0) + request.tools.reduce((sum, tool) => sum + tool.name.length + tool.description.length, 0);
  return { inputTokens: Math.ceil(characters / 4), outputTokens: Math.ceil(answer.length / 4), cachedInputTokens: 0 };
}

function describeScene(scene: ScriptScene): string {
  const after = scene.fresh.length === 0 ? '' : ` after ${scene.fresh.map((result) => result.toolName).join(', ')}`;
  return `turn ${scene.turn} of a run started by ${scene.triggerType ?? 'an unknown trigger'}${after}`;
}

function refuseMisplaced(script: ModelScript, path: string): void {
  const issues: DocumentIssue[] = [];
  const visit = (value: unknown, segments: (string | number)[], at: string): void => {
    if (typeof value === 'string') {
      const problem = misplaced(value);
      if (problem !== undefined) issues.push({ segments, path: at, message: problem });
    } else if (Array.isArray(value)) value.forEach((item, index) => visit(item, [...segments, index], `${at}[${index}]`));
    else if (typeof value === 'object' && value !== null) for (const [key, item] of Object.entries(value)) visit(item, [...segments, key], `${at}.${key}`);
  };
  const visitResponse = (response: ScriptResponse | undefined, segments: (string | number)[], at: string) => {
    visit(response?.text, [...segments, 'text'], `${at}.text`);
    response?.toolCalls.forEach((call, index) => visit(call.arguments, [...segments, 'tool_calls', index, 'arguments'], `${at}.tool_calls[${index}].arguments`));
  };
  script.rules.forEach((rule, index) => visitResponse(rule.respond, ['rules', index, 'respond'], `rules[${index}].respond`));
  visitResponse(script.fallback, ['fallback'], 'fallback');
  if (issues.length > 0) throw new DocumentError(`the model script ${path}`, issues);
}
