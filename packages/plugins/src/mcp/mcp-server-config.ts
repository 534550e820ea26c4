import type { OnUnknown } from '../tool.ts';

/** Where a server is and how it is spoken to; the `servers` of a manifest fit. Texts may hold `${NAME}` references, resolved when a connection is made. */
export type McpServerConfig = McpStdioConfig | McpHttpConfig;

interface McpSharedConfig {
  /** Milliseconds; `options.timeoutMs` when left out. */
  timeoutMs?: number | undefined;
  /** Only these tools, by the server's names. */
  tools?: readonly string[] | undefined;
  /** By the server's tool name; wins over its annotations. */
  onUnknown?: Readonly<Record<string, Exclude<OnUnknown, 'probe'>>> | undefined;
}

/** A child process that speaks over its standard input and output. */
export interface McpStdioConfig extends McpSharedConfig {
  command: string;
  args?: readonly string[] | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  cwd?: string | undefined;
  keepAlive?: boolean | undefined;
}

/** A server behind a streamable HTTP endpoint. */
export interface McpHttpConfig extends McpSharedConfig {
  url: string;
  headers?: Readonly<Record<string, string>> | undefined;
  bearerToken?: string | undefined;
  apiKey?: string | undefined;
  auth?: unknown;
  audience?: unknown;
  forwardCallerToken?: unknown;
}

export const isStdio = (config: McpServerConfig): config is McpStdioConfig => 'command' in config;
