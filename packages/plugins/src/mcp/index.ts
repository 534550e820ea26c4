export { mcpServer, McpServerOptions } from './mcp-server.ts';
export type { McpConnectionDeps } from './mcp-connection.ts';
export type { McpHttpConfig, McpServerConfig, McpStdioConfig } from './mcp-server-config.ts';
