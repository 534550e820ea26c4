import { duration } from '@cortex-runtime/core';
import { ActionTier } from '@cortex-runtime/plugins/config';
import { z } from 'zod';

const shared = {
  timeoutMs: duration('s', { name: 'timeout', check: (schema) => schema.positive() }).optional().describe('A call is given up after this time; tool_timeout when left out.'),
  tools: z.array(z.string()).optional().describe('Only these tools are offered to the agent.'),
  onUnknown: z.record(z.string(), z.enum(['retry', 'ask'])).default({}).describe('By tool name: what happens to a call whose outcome is unknown after a crash; overrides the annotations of the server.'),
  tiers: z.record(z.string(), z.enum(ActionTier)).default({}).describe('By tool name, "*" for every other: auto; confirm: a person approves each call; admin: not offered to the agent.'),
  approvalTtlMs: duration('s', { check: (schema) => schema.positive() }).optional().describe('How long a request for an approval counts, and the approval with it; a day when left out.'),
};

/** A server that is started as a child process. */
export const StdioServerConfig = z.strictObject({
  command: z.string().min(1).describe('Program to start.'),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}).describe('Environment of the child besides PATH, HOME, LANG, TMPDIR and the like; use ${NAME} references for secrets.'),
  cwd: z.string().optional().describe("Working directory; the manifest's when left out."),
  keepAlive: z.boolean().default(true).describe('Keep the child between runs.'),
  ...shared,
});

/** A server that is reached over streamable HTTP. */
export const HttpServerConfig = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).or(z.string().regex(/\$\{/, 'must be an http or https URL')).describe('Streamable HTTP endpoint.'),
  transport: z.enum(['streamable-http', 'http']).default('streamable-http'),
  type: z.enum(['streamable-http', 'http']).optional().describe('The same as transport.'),
  headers: z.record(z.string(), z.string()).default({}),
  bearerToken: z.string().optional().describe('Use a ${NAME} reference.'),
  apiKey: z.string().optional().describe('Sent as X-API-Key; use a ${NAME} reference.'),
  auth: z.record(z.string(), z.unknown()).optional(),
  audience: z.string().optional(),
  forwardCallerToken: z.boolean().optional(),
  ...shared,
});

/** An MCP server. */
export const ServerConfig = z.union([StdioServerConfig, HttpServerConfig]);
export type ServerConfig = z.output<typeof ServerConfig>;
export type StdioServerConfig = z.output<typeof StdioServerConfig>;
export type HttpServerConfig = z.output<typeof HttpServerConfig>;
