import { Keyspace } from '@cortex-runtime/bus';

import { prioritiesInOrder, type TaskPriority } from './task-priority.ts';

/** What the stream of a domain begins with; the seed's name. */
export const DOMAIN_STREAM_PREFIX = 'tasks';
/** What the stream of an agent begins with; the seed's name. */
export const AGENT_STREAM_PREFIX = 'tasks:agent';
/** The stream of outcomes. */
export const RESULTS_STREAM = 'results';
/** The stream of tasks that agents have taken into their own journals. */
export const ACCEPTED_STREAM = 'accepted';
/** Group of the agents; the seed's name. */
export const AGENTS_GROUP = 'cortex-agents';

/** The bus puts the organisation's prefix before every stream, so names without it are built from any keyspace. */
const names = Keyspace.fleet();

/** Work for any agent of a domain. @throws InvalidInputError for what is no name, or the name of another stream */
export function domainStream(domain: string, priority: TaskPriority = 'normal'): string {
  return names.logicalName(names.tasksDomainStream(domain, priority));
}

/** Work for one agent. @throws InvalidInputError */
export function agentStream(agent: string, priority: TaskPriority = 'normal'): string {
  return names.logicalName(names.tasksAgentStream(agent, priority));
}

/** What an agent takes tasks from, in the order in which they are served: by priority, and of one priority what is for this agent alone first. */
export function streamsOf(agent: string, domains: readonly string[]): string[] {
  return prioritiesInOrder.flatMap((priority) => [agentStream(agent, priority), ...domains.map((domain) => domainStream(domain, priority))]);
}

/** Under what a result is published where it is not one step with settling the task. */
export function resultIdOf(taskId: string): string {
  return `result:${taskId}`;
}

/** What agents say on a channel that another process holds. @throws InvalidInputError */
export function channelStream(channel: string): string {
  return names.logicalName(names.channelStream(channel));
}

/** Messages for whoever has subscribed to a topic. @throws InvalidInputError */
export function topicStream(topic: string): string {
  return names.logicalName(names.topicStream(topic));
}
