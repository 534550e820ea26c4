import { describeError, type Logger } from '@cortex-runtime/core';
import type { ModelTool } from '@cortex-runtime/models';
import type { Tool, ToolSource } from '@cortex-runtime/plugins';

import { RunFailedError } from '../errors.ts';

/** The tools of one run: those of the agent itself, then those of its sources. */
export interface ToolSet {
  get(name: string): Tool | undefined;
  names(): string[];
  /** As the model sees them. */
  modelTools(): ModelTool[];
}

/**
 * Asks every source for its tools. Of two tools with one name the first wins and the other is reported.
 *
 * @throws RunFailedError (retryable) when a source can not be reached: an agent that has lost its tools should wait, not improvise
 */
export async function collectTools(own: readonly Tool[], sources: readonly ToolSource[], logger: Logger): Promise<ToolSet> {
  const tools = new Map<string, Tool>(own.map((tool) => [tool.name, tool]));
  const lists = await Promise.allSettled(sources.map((source) => source.tools()));
  lists.forEach((list, index) => {
    const source = sources[index]?.name ?? '';
    if (list.status === 'rejected') {
      throw new RunFailedError(`the tools of ${source} are not available: ${describeError(list.reason)}`, { cause: list.reason });
    }
    for (const tool of list.value) {
      if (tools.has(tool.name)) logger.warn({ source, tool: tool.name }, 'a second tool of the same name is left out');
      else tools.set(tool.name, tool);
    }
  });
  return {
    get: (name) => tools.get(name),
    names: () => [...tools.keys()],
    modelTools: () => [...tools.values()].map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
  };
}
