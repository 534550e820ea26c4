import { z } from 'zod';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be 1 to 128 letters, digits, ".", "_" or "-" and start with a letter or digit');

/** Who an agent is. */
export const AgentCard = z.strictObject({
  name: name.describe('Unique; capitals make no difference.'),
  domains: z.array(name).default([]).describe('Domains whose tasks it takes.'),
  primaryFor: z.array(name).default([]).describe('Domains for which it is named first.'),
  description: z.string().max(2_000).default(''),
  capabilities: z.array(z.string().max(100)).max(100).default([]),
});
export type AgentCard = z.output<typeof AgentCard>;
export type AgentCardInput = z.input<typeof AgentCard>;

/** A process in which an agent runs. */
export interface AgentInstance {
  readonly instanceId: string;
  /** Tasks that it works on. */
  readonly activeTasks: number;
}

export interface RegisteredAgent extends AgentCard {
  /** Whether some process has shown lately that it runs there. */
  readonly isPresent: boolean;
  readonly instances: readonly AgentInstance[];
}

/** The document form of {@link RegisteredAgent}. */
export const RegisteredAgentDocument = AgentCard.extend({
  isPresent: z.boolean(),
  instances: z.array(z.strictObject({ instanceId: z.string(), activeTasks: z.int() })),
});

/** What a process says of the agents that run in it. */
export interface Announcement {
  readonly instanceId: string;
  readonly agents: readonly { readonly card: AgentCard; readonly activeTasks: number }[];
  /** They count as present for this long. */
  readonly ttlMs: number;
}

/**
 * Who there is. An agent stays known when its last process has ended, so that work for it waits until it comes back; it is present while a process shows that it runs.
 */
export interface AgentRegistry {
  /** Makes agents known, replaces what was known of them, and renews their presence in this process. */
  announce(announcement: Announcement): Promise<void>;
  /** They no longer run in this process. */
  leave(instanceId: string, names: readonly string[]): Promise<void>;
  /** Nobody should send it work any more. */
  forget(name: string): Promise<void>;
  /** By name; capitals make no difference. */
  get(name: string): Promise<RegisteredAgent | undefined>;
  /** By name. */
  list(): Promise<RegisteredAgent[]>;
  /** Who is named for work of a domain: one that is present before one that is not, one that is primary before others, then by name. */
  primaryAgent(domain: string): Promise<RegisteredAgent | undefined>;
}

/** What every registry means by {@link AgentRegistry.primaryAgent}. */
export function primaryOf(agents: readonly RegisteredAgent[], domain: string): RegisteredAgent | undefined {
  const rank = ({ isPresent, primaryFor }: RegisteredAgent) => (isPresent ? 0 : 2) + (primaryFor.includes(domain) ? 0 : 1);
  return agents
    .filter(({ domains, primaryFor }) => domains.includes(domain) || primaryFor.includes(domain))
    .toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))[0];
}
