import { formatPath, type DocumentIssue } from '@cortex-runtime/core';
import { pluginNamePattern, pluginNameRule } from '@cortex-runtime/plugins/config';

import type { AgentManifest } from './agent-manifest.ts';
import type { ProcessConfig } from './process-config.ts';

/** What no schema sees in the tools of an agent: a server and a plugin whose tools would have the same names, and tiers of a server that can not be a plugin. */
export function checkTools(manifest: AgentManifest, config: ProcessConfig): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  const report = (section: 'servers' | 'plugins', name: string, message: string) => {
    const segments = manifest[section] === undefined ? ['config', section, name] : [section, name];
    issues.push({ segments, path: formatPath(segments), message });
  };
  for (const name of Object.keys(config.plugins)) {
    if (Object.hasOwn(config.servers, name)) report('plugins', name, 'is the name of a server, too; their tools would have the same names');
  }
  for (const [name, server] of Object.entries(config.servers)) {
    if (Object.keys(server.tiers).length > 0 && !pluginNamePattern.test(name)) report('servers', name, `has tiers; the name of such a server must be ${pluginNameRule}`);
  }
  return issues;
}
