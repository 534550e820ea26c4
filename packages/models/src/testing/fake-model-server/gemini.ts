import type { ModelMessage } from '../../model-provider.ts';
import { argumentsObject, contentText, isRecord, pieces, records, type WireProtocol } from './fake-model-call.ts';

const finishReasons = { stop: 'STOP', tool_calls: 'STOP', length: 'MAX_TOKENS', content_filter: 'SAFETY', other: 'OTHER' } as const;

/** @see https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent */
export const gemini: WireProtocol = {
  name: 'gemini',
  matches: (path) => path.includes(':streamGenerateContent'),
  read(body, path) {
    const messages: ModelMessage[] = [];
    const system = isRecord(body['systemInstruction']) ? contentText(body['systemInstruction']['parts']) : '';
    if (system !== '') messages.push({ role: 'system', content: system });
    for (const content of records(body['contents'])) {
      const parts = records(content['parts']);
      const calls = parts.flatMap(({ functionCall: call, ...rest }, index) =>
        isRecord(call) ? [{ id: `${messages.length}_${index}`, name: String(call['name']), arguments: argumentsObject(call['args']), providerMetadata: { google: { thoughtSignature: String(rest['thoughtSignature']) } } }] : []);
      if (content['role'] === 'model') messages.push({ role: 'assistant', content: contentText(parts), ...(calls.length > 0 ? { toolCalls: calls } : {}) });
      for (const { functionResponse: answer } of parts) {
        if (!isRecord(answer)) continue;
        const response = isRecord(answer['response']) ? answer['response'] : {};
        messages.push({ role: 'tool', toolCallId: '', toolName: String(answer['name']), content: typeof response['content'] === 'string' ? response['content'] : JSON.stringify(response) });
      }
      if (content['role'] === 'user' && contentText(parts) !== '') messages.push({ role: 'user', content: contentText(parts) });
    }
    const tools = records(body['tools']).flatMap((tool) => records(tool['functionDeclarations']).map((declared) => String(declared['name'])));
    return { model: /models\/([^:/]+):/.exec(path)?.[1] ?? '', messages, tools };
  },
  events(reply, model, number) {
    const chunk = (parts: object[], rest: object = {}) => ({ data: { candidates: [{ index: 0, content: { role: 'model', parts }, ...rest }], modelVersion: model, responseId: `gem_${number}` } });
    const last = chunk([], { finishReason: finishReasons[reply.finish] });
    return [
      ...pieces(reply.text).map((text) => chunk([{ text }])),
      ...reply.toolCalls.map((call, index) => chunk([{ functionCall: { name: call.name, args: argumentsObject(call.arguments) }, thoughtSignature: `signature-${number}-${index}` }])),
      {
        data: {
          ...last.data,
          usageMetadata: {
            promptTokenCount: reply.usage.inputTokens,
            cachedContentTokenCount: reply.usage.cachedInputTokens,
            candidatesTokenCount: reply.usage.outputTokens,
            totalTokenCount: reply.usage.inputTokens + reply.usage.outputTokens,
          },
        },
      },
    ];
  },
  errorBody: (status, message) => ({ error: { code: status, message, status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'INTERNAL' } }),
};
