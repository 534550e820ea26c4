import { InvalidInputError } from '@cortex-runtime/core';

/** The organisation of everything that belongs to none: the fleet. */
export const fleetOrgId = 'personal';

const root = 'cortex';

/** Words that follow `cortex:` in keys of the fleet. An organisation of that name would share keys with the fleet. */
const reserved = new Set([
  'tasks', 'results', 'events', 'responded', 'thread', 'session', 'domain', 'mesh', 'workspace', 'outcomes', 'outcome-collector', 'plans', 'schedule', 'workflow',
  'heartbeat', 'agent', 'agents', 'channel', 'topic', 'accepted', 'approval', 'vault', 'config', 'fleet', 'idle-dispatch', 'ci-reserved', 'tenant', 'bus', 'cortex',
]);

/**
 * The names of all streams and keys of one organisation.
 *
 * Keys of the fleet are `cortex:…`, keys of an organisation `cortex:<org>:…`. No two builders give the same key for different arguments, and no two
 * organisations share one: org ids are checked, and every argument that could be mistaken for another builder's key is refused.
 */
export class Keyspace {
  /** `undefined` for the fleet. */
  readonly orgId: string | undefined;
  /** `cortex`, or `cortex:<org>`. */
  readonly streamPrefix: string;

  /**
   * @param orgId - left out or `personal`: the fleet. Otherwise 1 to 63 lower-case letters, digits, `-` and `_`, starting with a letter or digit; capitals are lowered.
   * @throws InvalidInputError for anything else, blank ids included: a blank id is a mistake, not the fleet
   */
  constructor(orgId?: string) {
    const id = orgId?.trim().toLowerCase();
    if (id === '') throw new InvalidInputError('orgId', 'is blank; leave it out for the fleet, or give the id of an organisation');
    if (id === undefined || id === fleetOrgId) {
      this.orgId = undefined;
      this.streamPrefix = root;
      return;
    }
    if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(id)) {
      throw new InvalidInputError('orgId', `must be 1 to 63 letters, digits, "-" or "_" and start with a letter or digit, got ${JSON.stringify(orgId)}`);
    }
    if (reserved.has(id)) throw new InvalidInputError('orgId', `${JSON.stringify(id)} is a name that keys of the fleet use; choose another`);
    this.orgId = id;
    this.streamPrefix = `${root}:${id}`;
  }

  static fleet(): Keyspace {
    return new Keyspace();
  }

  get isFleet(): boolean {
    return this.orgId === undefined;
  }

  /**
   * Work for any agent of a domain.
   *
   * @param domain - not `agent`: the streams of agents lie below that
   * @param priority - work of another than normal priority has a stream of its own
   */
  tasksDomainStream(domain: string, priority = 'normal'): string {
    return this.#key(`tasks:${part('domain', domain, ['agent'])}${prioritySuffix(priority)}`);
  }
  /** Work for one agent. */
  tasksAgentStream(agent: string, priority = 'normal'): string {
    return this.#key(`tasks:agent:${part('agent', agent)}${prioritySuffix(priority)}`);
  }
  /** Another name of {@link tasksAgentStream}. */
  agentStream(agent: string, priority = 'normal'): string {
    return this.tasksAgentStream(agent, priority);
  }
  get resultsStream(): string {
    return this.#key('results');
  }
  get eventsStream(): string {
    return this.#key('events');
  }

  get respondedPrefix(): string {
    return this.#key('responded');
  }
  /** Claims a message for one answer. */
  respondedKey(messageId: string): string {
    return this.#key(`responded:${text('messageId', messageId)}`);
  }
  /** The agent that answers in a thread. */
  threadAgentKey(threadId: string): string {
    return this.#key(`thread:agent:${text('threadId', threadId)}`);
  }
  get sessionPrefix(): string {
    return this.#key('session');
  }
  domainRecentKey(domain: string): string {
    return this.#key(`domain:${part('domain', domain)}:recent`);
  }

  get meshPrefix(): string {
    return this.#key('mesh');
  }
  /** @param file - not `skill`, `typed` or `sync`, alone or before a colon: those are other keys */
  meshKey(file: string): string {
    return this.#key(`mesh:${text('file', file, ['skill', 'typed', 'sync'])}`);
  }
  get meshSkillPrefix(): string {
    return this.#key('mesh:skill');
  }
  meshSkillKey(skill: string): string {
    return this.#key(`mesh:skill:${text('skill', skill)}`);
  }
  get meshTypedPrefix(): string {
    return this.#key('mesh:typed');
  }
  meshTypedKey(category: string, name: string): string {
    return this.#key(`mesh:typed:${part('category', category)}:${text('name', name)}`);
  }
  /** @param agent - not `results`: that is {@link meshSyncResultsStream} */
  meshSyncStream(agent: string): string {
    return this.#key(`mesh:sync:${part('agent', agent, ['results'])}`);
  }
  get meshSyncResultsStream(): string {
    return this.#key('mesh:sync:results');
  }

  get workspaceThreadPrefix(): string {
    return this.#key('workspace:thread');
  }
  workspaceThreadKey(threadId: string): string {
    return this.#key(`workspace:thread:${text('threadId', threadId)}`);
  }
  workspaceBranchKey(branch: string): string {
    return this.#key(`workspace:branch:${text('branch', branch)}`);
  }

  get outcomesStream(): string {
    return this.#key('outcomes');
  }
  get outcomeCollectorCursor(): string {
    return this.#key('outcome-collector:cursor');
  }

  get plansPrefix(): string {
    return this.#key('plans');
  }
  get plansAllSet(): string {
    return this.#key('plans:all');
  }
  get plansActiveSet(): string {
    return this.#key('plans:active');
  }
  /** @param planId - not `all`, `active` or `decision`: those are other keys */
  planKey(planId: string): string {
    return this.#key(`plans:${plan(planId)}`);
  }
  planStatusKey(planId: string): string {
    return this.#key(`plans:${plan(planId)}:status`);
  }
  planDecisionKey(planId: string): string {
    return this.#key(`plans:decision:${plan(planId)}`);
  }

  get schedulePrefix(): string {
    return this.#key('schedule');
  }
  get scheduleConfigChanged(): string {
    return this.#key('schedule:config_changed');
  }
  get schedulerLivenessKey(): string {
    return this.#key('schedule:liveness');
  }
  get schedulerLeaderLeaseKey(): string {
    return this.#key('schedule:leader_lease');
  }
  workflowCronPrefix(workflow: string): string {
    return this.#key(`workflow:cron:${part('workflow', workflow)}`);
  }

  // Keys that only this library has.
  /** A hash of agents and of who is there. */
  get agentsKey(): string {
    return this.#key('agents');
  }
  /** What agents say on a channel that another process holds. */
  channelStream(channel: string): string {
    return this.#key(`channel:${part('channel', channel)}`);
  }
  /** Tasks that agents have taken into their own journals. */
  get acceptedStream(): string {
    return this.#key('accepted');
  }
  /** Messages for whoever has subscribed to a topic. */
  topicStream(topic: string): string {
    return this.#key(`topic:${text('topic', topic)}`);
  }

  // Keys that the Python library shares between all organisations; here each organisation has its own.
  get heartbeatStream(): string {
    return this.#key('heartbeat');
  }
  agentKey(agent: string): string {
    return this.#key(`agent:${part('agent', agent)}`);
  }
  get approvalPrefix(): string {
    return this.#key('approval');
  }
  /** @param variable - not `lock`: that is {@link vaultLockKey} */
  vaultKey(variable: string): string {
    return this.#key(`vault:${part('variable', variable, ['lock'])}`);
  }
  get vaultLockKey(): string {
    return this.#key('vault:lock');
  }
  get lightLlmProviderKey(): string {
    return this.#key('config:light_llm_provider');
  }
  agentConfigKey(agent: string): string {
    return this.#key(`config:agent:${part('agent', agent)}`);
  }
  fleetUpdateStream(agent: string): string {
    return this.#key(`fleet:update:${part('agent', agent, ['results'])}`);
  }
  get fleetUpdateResultsStream(): string {
    return this.#key('fleet:update:results');
  }
  get idleDispatchKey(): string {
    return this.#key('idle-dispatch');
  }
  ciReservedKey(agent: string): string {
    return this.#key(`ci-reserved:${part('agent', agent)}`);
  }
  tenantUserKey(tenant: string, userId: string): string {
    return this.#key(`tenant:${part('tenant', tenant)}:users:${text('userId', userId)}`);
  }
  tenantAdminsKey(tenant: string): string {
    return this.#key(`tenant:${part('tenant', tenant)}:admins`);
  }

  /** The name of a stream as the bus takes it: without the prefix, which the bus adds. */
  logicalName(key: string): string {
    if (!key.startsWith(`${this.streamPrefix}:`)) throw new InvalidInputError('key', `${JSON.stringify(key)} does not start with ${this.streamPrefix}:`);
    return key.slice(this.streamPrefix.length + 1);
  }

  #key(suffix: string): string {
    return `${this.streamPrefix}:${suffix}`;
  }
}

/** A word between colons: it can hold none itself. */
function part(field: string, value: string, taken: readonly string[] = []): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value)) {
    throw new InvalidInputError(field, `must be 1 to 128 letters, digits, ".", "_" or "-" and start with a letter or digit, got ${JSON.stringify(value).slice(0, 160)}`);
  }
  if (taken.includes(value)) throw new InvalidInputError(field, `${JSON.stringify(value)} is the name of another key; choose another`);
  return value;
}

/** The rest of a key: an outside id that may hold colons, because nothing follows it. */
function text(field: string, value: string, taken: readonly string[] = []): string {
  // Braces choose a slot in Redis Cluster; spaces and control characters break tools and logs.
  if (value === '' || value.length > 512 || !/^[^\s{}*?[\]\\\p{Cc}]+$/u.test(value)) {
    throw new InvalidInputError(field, `must be 1 to 512 characters without spaces, control characters or any of {}*?[]\\, got ${JSON.stringify(value).slice(0, 160)}`);
  }
  const first = value.split(':', 1)[0] ?? '';
  if (taken.includes(first)) throw new InvalidInputError(field, `starts with ${JSON.stringify(first)}, which is the name of another key; choose another`);
  return value;
}

function prioritySuffix(priority: string): string {
  return priority === 'normal' ? '' : `:${part('priority', priority)}`;
}

function plan(planId: string): string {
  return part('planId', planId, ['all', 'active', 'decision']);
}
