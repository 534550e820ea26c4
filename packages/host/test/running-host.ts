import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createOrchestrationClient } from '@cortex-runtime/orchestration-client';
import { onTestFinished } from 'vitest';

import { readHostConfig, startHost, type HostProgress } from '../src/index.ts';

/** A directory for agents and their data, removed with the test. */
export function workshop() {
  const directory = mkdtempSync(join(tmpdir(), 'cortex-host-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  return {
    directory,
    write,
    /** A host in this process, stopped with the test. */
    async start(options: { environment?: Record<string, string>; agents?: string[] } = {}) {
      const progress: HostProgress[] = [];
      const host = await startHost({
        config: readHostConfig({ CORTEX_PORT: '0', CORTEX_STOP_TIMEOUT: '5s', ...options.environment }),
        environment: options.environment ?? {},
        agents: options.agents ?? ['agents'],
        workingDirectory: directory,
        onProgress: (step) => progress.push(step),
      });
      onTestFinished(() => host.stop('the test is over'));
      return { host, progress, client: createOrchestrationClient({ baseUrl: host.url, token: host.token }) };
    },
  };
}

/** An agent that answers every event with a text, without a key. */
export function quietAgent(name: string, rest = ''): string {
  return `name: ${name}\nmodel: scripted:answer.yaml\ninstructions: Answer.\n${rest}`;
}

export const answerScript = 'fallback: { text: seen }\n';
