import { InvalidInputError } from '@cortex-runtime/core';

import type { AgentRegistry } from '../agents/agent-registry.ts';
import type { ChannelMessage } from '../channel/channel-message.ts';
import { agentStream, domainStream } from '../task/task-streams.ts';
import type { ThreadAffinity } from '../threads/thread-affinity.ts';
import { bareName, mentionsIn } from './mentions.ts';

/** Where a message goes, and which rule said so. */
export interface Route {
  readonly rule: 'mention' | 'dm_target' | 'thread' | 'domain';
  readonly stream: string;
  /** With `domain` a label only: any agent of the domain may take it. */
  readonly agent: string;
  readonly domain: string;
}

/** The domain of a message that names none. */
const defaultDomain = 'personal';

/**
 * The first rule that finds somebody wins: an agent that is mentioned, the target of a direct message, the agent of the thread, then the domain, when there is an agent
 * for it. Undefined when nobody is there for it.
 *
 * @throws InvalidInputError for a domain that is no name
 */
export async function routeMessage(message: ChannelMessage, deps: { registry: AgentRegistry; affinity?: ThreadAffinity | undefined }): Promise<Route | undefined> {
  const { priority = 'normal', metadata = {} } = message;
  const domain = domainOf(metadata['domain']);
  const toAgent = async (rule: Route['rule'], name: unknown): Promise<Route | undefined> => {
    const bare = typeof name === 'string' ? bareName(name) : '';
    const agent = bare === '' || bare.length > 128 ? undefined : await deps.registry.get(bare);
    return agent === undefined ? undefined : { rule, stream: agentStream(agent.name, priority), agent: agent.name, domain };
  };
  for (const mention of mentionsOf(message)) {
    const route = await toAgent('mention', mention);
    if (route !== undefined) return route;
  }
  const direct = await toAgent('dm_target', metadata['dm_target']);
  if (direct !== undefined) return direct;
  const ofThread = message.threadId === undefined ? undefined : await toAgent('thread', await deps.affinity?.getAgent(message.threadId));
  if (ofThread !== undefined) return ofThread;
  const primary = await deps.registry.primaryAgent(domain);
  return primary === undefined ? undefined : { rule: 'domain', stream: domainStream(domain, priority), agent: primary.name, domain };
}

/** What the channel says of mentions counts; when it says nothing, the text does. */
export function mentionsOf({ text, metadata = {} }: ChannelMessage): string[] {
  const given = metadata['mentions'];
  return Array.isArray(given) ? given.filter((each): each is string => typeof each === 'string') : mentionsIn(text);
}

function domainOf(given: unknown): string {
  if (given === undefined || given === null || given === '') return defaultDomain;
  if (typeof given !== 'string') throw new InvalidInputError('metadata.domain', `must be the name of a domain, got ${JSON.stringify(given)?.slice(0, 80)}`);
  return given.trim().toLowerCase();
}
