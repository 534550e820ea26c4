import { describeError, InvalidInputError, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import { z } from 'zod';

import { assertToolName } from './tool-name.ts';
import type { OnUnknown, Tool, ToolCallContext, ToolResult, ToolSource } from './tool.ts';

/** What a function may return: a text, data (told to the model as JSON), or a whole result. */
export type FunctionToolOutput = string | ToolResult | { data: JsonValue };

/** A tool made of a function of this process. */
export interface FunctionTool<Input> {
  name: string;
  description: string;
  /** Zod schema (the function gets its output) or JSON Schema (the function gets the arguments as they are). */
  input: z.ZodType<Input> | JsonObject;
  /** It changes nothing outside. Default false. */
  isReadOnly?: boolean;
  /** Default `retry` when it only reads, else `ask`. */
  onUnknown?: OnUnknown;
  timeoutMs?: number;
  execute(input: Input, call: ToolCallContext): FunctionToolOutput | Promise<FunctionToolOutput>;
  probe?(input: Input, call: ToolCallContext): Promise<{ happened: true; result: FunctionToolOutput } | { happened: false }>;
}

/**
 * Declares a tool.
 *
 * @throws InvalidInputError when the name is none, or `onUnknown` is `probe` without a probe
 */
export function functionTool<Input = JsonObject>(declared: FunctionTool<Input>): Tool {
  assertToolName(declared.name);
  const { input, probe } = declared;
  const isReadOnly = declared.isReadOnly ?? false;
  const onUnknown = declared.onUnknown ?? (isReadOnly ? 'retry' : 'ask');
  if (onUnknown === 'probe' && probe === undefined) throw new InvalidInputError('onUnknown', `${declared.name} says probe but has no probe function`);
  const schema = isZod(input) ? input : undefined;
  const inputSchema = schema === undefined ? (input as JsonObject) : (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonObject);
  const read = (args: JsonObject): Input => (schema === undefined ? (args as Input) : schema.parse(args));

  return {
    name: declared.name,
    description: declared.description,
    inputSchema,
    isReadOnly,
    onUnknown,
    ...(declared.timeoutMs === undefined ? {} : { timeoutMs: declared.timeoutMs }),
    async execute(args, call) {
      const parsed = schema?.safeParse(args);
      // Nothing has run yet: refusing the arguments is a result, not an unknown outcome.
      if (parsed?.success === false) return { content: `The arguments of ${declared.name} are not valid: ${z.prettifyError(parsed.error)}`, isError: true };
      return toolResult(await declared.execute(read(args), call));
    },
    ...(probe === undefined ? {} : {
      async probe(args, call) {
        const found = await probe(read(args), call);
        return found.happened ? { happened: true, result: toolResult(found.result) } : found;
      },
    }),
  };
}

/** By shape: two copies of zod can be installed, and `instanceof` holds for one of them only. */
function isZod<Input>(input: z.ZodType<Input> | JsonObject): input is z.ZodType<Input> {
  return '_zod' in input && typeof (input as { safeParse?: unknown }).safeParse === 'function';
}

/** Tools of this process as a source. There is nothing to connect and nothing to close. */
export function toolSource(name: string, tools: readonly Tool[]): ToolSource {
  return { name, tools: () => Promise.resolve(tools), close: () => Promise.resolve() };
}

/** A thrown error as the result that the model is told. */
export function errorResult(error: unknown): ToolResult {
  return { content: describeError(error), isError: true };
}

function toolResult(output: FunctionToolOutput): ToolResult {
  if (typeof output === 'string') return { content: output, isError: false };
  if ('data' in output) return { content: JSON.stringify(output.data), structured: output.data, isError: false };
  return output;
}
