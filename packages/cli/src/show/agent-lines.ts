import { dirname, relative, resolve } from 'node:path';

import type { ProcessConfig } from '@cortex-runtime/manifest';

import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** An agent as `cortex start` presents it. */
export interface StartedAgent {
  name: string;
  state: string;
  config: ProcessConfig;
  source: string | undefined;
  isLanguageModel: boolean;
  warnings: readonly string[];
}

type TriggerConfig = ProcessConfig['triggers'][number];

interface Surroundings {
  url: string;
  colors: Terminal['colors'];
  workingDirectory: string;
  /** How this program is called: `cortex`, or `npx cortex`. */
  command: string;
}

/** Of a large fleet only these are presented one by one. */
const shownAgents = 12;

/** A few lines per agent: what wakes it, what thinks for it, and how to poke it. */
export function agentLines(agents: readonly StartedAgent[], surroundings: Surroundings): string[] {
  const { colors, command } = surroundings;
  const lines: string[] = [''];
  for (const agent of agents.slice(0, shownAgents)) {
    const mark = agent.state === 'running' || agent.state === 'awaiting' ? colors.green('●') : colors.yellow('●');
    const wakes = agent.config.triggers.map((trigger) => wakesOn(trigger)).join(', ') || 'wakes when you inject an event';
    lines.push(`${mark} ${colors.bold(printable(agent.name).padEnd(14))} ${printable(agent.state)}  ${printable(wakes)}  ${colors.dim(printable(agent.config.model))}`);
    const pokes = agent.config.triggers.map((trigger) => pokeLine(agent, trigger, surroundings)).filter((line) => line !== undefined);
    for (const poke of pokes.length > 0 ? pokes : [`${command} inject ${agent.name} --payload '{"hello": "there"}'`]) lines.push(`    ${colors.cyan(poke)}`);
    for (const warning of agent.warnings.slice(0, 3)) lines.push(`    ${colors.yellow(printable(warning))}`);
  }
  if (agents.length > shownAgents) lines.push(`  and ${agents.length - shownAgents} more: ${command} status`);
  if (agents.some(({ isLanguageModel }) => !isLanguageModel)) {
    lines.push('', colors.dim('scripted: these answers are read from a file, by rules; no language model is at work. Point "model:" at openai:… or any other to have one.'));
  }
  lines.push('', colors.dim(`${command} status · ${command} journal NAME -f · ${command} stop`), colors.dim(`Ctrl-C lets running work finish; kill -9 ${process.pid}, start again, and it goes on where it was`), '');
  return lines;
}

function wakesOn(trigger: TriggerConfig): string {
  switch (trigger.type) {
    case 'cron':
      return `cron ${trigger.cronExpression ?? ''}${trigger.cronTimezone === undefined ? '' : ` (${trigger.cronTimezone})`}`;
    case 'webhook':
      return `webhook ${trigger.webhookPath}${trigger.hmacSecret === undefined ? ' (unsigned)' : ' (signed)'}`;
    case 'file_watch':
      return `files in ${trigger.watchPath ?? ''}`;
    default:
      return trigger.type;
  }
}

/** A line for a shell that makes the trigger fire; undefined for those that fire by themselves. */
function pokeLine(agent: StartedAgent, trigger: TriggerConfig, { url, workingDirectory }: Surroundings): string | undefined {
  if (trigger.type === 'file_watch') {
    const directory = relative(workingDirectory, resolve(agent.source === undefined ? workingDirectory : dirname(agent.source), trigger.watchPath ?? '.')) || '.';
    return `echo "Hello, please read me" > ${printable(directory)}/note.txt`;
  }
  if (trigger.type !== 'webhook') return undefined;
  const address = `${url}/hooks/${encodeURIComponent(agent.name)}${trigger.webhookPath}`;
  const body = agent.config.context.initialState['example_event'] ?? { hello: 'there' };
  const text = JSON.stringify(body);
  if (trigger.hmacSecret === undefined || trigger.signatureScheme === 'stripe') return `curl -d '${text}' ${address}`;
  const header = trigger.signatureHeader ?? (trigger.signatureScheme === 'github' ? 'X-Hub-Signature-256' : 'X-Webhook-Signature');
  // The reference, not the secret: the shell resolves it the same way.
  const secret = trigger.hmacSecret.includes('${') ? `"${trigger.hmacSecret}"` : '"$SECRET"';
  return `B='${text}'; curl -d "$B" -H 'Content-Type: application/json' -H "${header}: sha256=$(printf %s "$B" | openssl dgst -sha256 -hmac ${secret} -r | cut -d' ' -f1)" ${address}`;
}
