import type { JsonValue } from '@cortex-runtime/core';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';

import type { ToolResult } from '../tool.ts';

/** The answer of a server as the model is told it: texts joined, what is no text described. */
export function mcpResult(result: CallToolResult): ToolResult {
  const structured = result.structuredContent as JsonValue | undefined;
  const text = result.content.map(contentText).join('\n');
  return {
    content: text === '' && structured !== undefined ? JSON.stringify(structured) : text,
    ...(structured === undefined ? {} : { structured }),
    isError: result.isError === true,
  };
}

function contentText(part: CallToolResult['content'][number]): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'image':
    case 'audio':
      return `[${part.type} ${part.mimeType}, ${decodedBytes(part.data)} bytes]`;
    case 'resource':
      return 'text' in part.resource ? part.resource.text : `[resource ${part.resource.uri}, ${part.resource.mimeType ?? 'unknown type'}, ${decodedBytes(part.resource.blob)} bytes]`;
    case 'resource_link':
      return `[resource ${part.name}: ${part.uri}]`;
    default:
      return '[content of an unknown kind]';
  }
}

const decodedBytes = (base64: string): number => Buffer.byteLength(base64, 'base64');
