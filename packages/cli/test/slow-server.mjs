// An MCP server whose tool does its work and then never answers: what a crash in the middle of a call looks like.
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const directory = process.argv[2];
mkdirSync(directory, { recursive: true });
const server = new McpServer({ name: 'slow', version: '1.0.0' });
server.registerTool('send_letter', { description: 'Sends a letter.' }, () => {
  appendFileSync(join(directory, 'letters.txt'), 'sent\n');
  return new Promise(() => {});
});
process.stdin.on('end', () => process.exit(0));
process.stdin.on('close', () => process.exit(0));
await server.connect(new StdioServerTransport());
