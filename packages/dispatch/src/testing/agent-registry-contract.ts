import { describe, expect } from 'vitest';

import { AgentCard, type AgentCardInput, type AgentRegistry } from '../agents/agent-registry.ts';
import { contractPromises } from './contract-promises.ts';

/** An empty registry, and a way to let time pass for it. */
export interface OpenedAgentRegistry {
  registry: AgentRegistry;
  advance(ms: number): Promise<void>;
}

const minute = 60_000;

function announcement(instanceId: string, cards: readonly AgentCardInput[], { ttlMs = minute, activeTasks = 0 } = {}) {
  return { instanceId, ttlMs, agents: cards.map((card) => ({ card: AgentCard.parse(card), activeTasks })) };
}

/**
 * The promises of {@link AgentRegistry}, for every adapter.
 *
 * @param open - gives an empty registry
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeAgentRegistryContract(name: string, open: () => Promise<OpenedAgentRegistry>, exceptions: Readonly<Record<string, string>> = {}): void {
  const register = contractPromises(open, exceptions);
  const promise = (title: string, check: (opened: OpenedAgentRegistry) => Promise<void>) => register(title, undefined, check);
  const namesOf = async (registry: AgentRegistry) => (await registry.list()).map((agent) => agent.name);
  const instancesOf = async (registry: AgentRegistry, agent: string) => ((await registry.get(agent))?.instances ?? []).map(({ instanceId, activeTasks }) => `${instanceId} ${activeTasks}`).toSorted();

  describe(`${name} keeps the contract of an agent registry`, () => {
    promise('knows nobody at first', async ({ registry }) => {
      expect(await registry.list()).toEqual([]);
      for (const unknown of ['forge', '', '*', 'constructor', '__proto__', 'forge\nforge']) expect(await registry.get(unknown)).toBeUndefined();
      expect(await registry.primaryAgent('eng')).toBeUndefined();
    });

    promise('knows an agent that was announced, as it was announced', async ({ registry }) => {
      const card = { name: 'forge', domains: ['eng', 'ops'], primaryFor: ['eng'], description: 'Builds "things".\n{}[] \u{1f525} \u2028 \\n', capabilities: ['code', 'to review'] };
      await registry.announce(announcement('p1', [card], { activeTasks: 3 }));
      const expected = { ...card, isPresent: true, instances: [{ instanceId: 'p1', activeTasks: 3 }] };
      expect(await registry.get('forge')).toEqual(expected);
      expect(await registry.list()).toEqual([expected]);
    });

    promise('knows an agent of whom nothing but the name was said', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'forge' }]));
      expect(await registry.get('forge')).toEqual({ name: 'forge', domains: [], primaryFor: [], description: '', capabilities: [], isPresent: true, instances: [{ instanceId: 'p1', activeTasks: 0 }] });
    });

    promise('makes no difference between capitals: two that differ in them only are one, as announced last', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'forge', description: 'first' }]));
      await registry.announce(announcement('p2', [{ name: 'Forge', description: 'second' }]));
      for (const written of ['forge', 'Forge', 'FORGE']) expect(await registry.get(written)).toMatchObject({ name: 'Forge', description: 'second' });
      expect(await namesOf(registry)).toEqual(['Forge']);
      expect(await instancesOf(registry, 'forge')).toEqual(['p1 0', 'p2 0']);
      await registry.leave('p1', ['FORGE']);
      expect(await instancesOf(registry, 'forge')).toEqual(['p2 0']);
      await registry.forget('fOrGe');
      expect(await registry.get('Forge')).toBeUndefined();
    });

    promise('replaces what was known of an agent when it is announced again', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'forge', domains: ['eng'], description: 'old', capabilities: ['a'] }], { activeTasks: 1 }));
      await registry.announce(announcement('p1', [{ name: 'forge', domains: ['ops'] }], { activeTasks: 0 }));
      expect(await registry.get('forge')).toMatchObject({ domains: ['ops'], description: '', capabilities: [], instances: [{ instanceId: 'p1', activeTasks: 0 }] });
    });

    promise('shows an agent as present for as long as was said, and then as known', async ({ registry, advance }) => {
      await registry.announce(announcement('p1', [{ name: 'forge' }], { ttlMs: 2 * minute }));
      await advance(minute);
      expect(await registry.get('forge')).toMatchObject({ isPresent: true });
      await advance(minute);
      expect(await registry.get('forge')).toMatchObject({ name: 'forge', isPresent: false, instances: [] });
      expect(await registry.list()).toMatchObject([{ name: 'forge', isPresent: false, instances: [] }]);
    });

    promise('shows an agent as present again when it is announced again', async ({ registry, advance }) => {
      await registry.announce(announcement('p1', [{ name: 'forge' }]));
      await advance(2 * minute);
      await registry.announce(announcement('p2', [{ name: 'forge' }]));
      expect(await registry.get('forge')).toMatchObject({ isPresent: true, instances: [{ instanceId: 'p2', activeTasks: 0 }] });
    });

    promise('renews the presence of a process with each announcement, from then on', async ({ registry, advance }) => {
      for (let times = 0; times < 5; times += 1) {
        await registry.announce(announcement('p1', [{ name: 'forge' }]));
        await advance(minute * 0.75);
      }
      expect(await registry.get('forge')).toMatchObject({ isPresent: true });
      await advance(minute);
      expect(await registry.get('forge')).toMatchObject({ isPresent: false });
    });

    promise('tells the processes of an agent apart', async ({ registry, advance }) => {
      const shapes = ['p1', 'p 1', 'p\n1', '"p1"', '1 2 3', 'p-\u{1f525}'];
      for (const instanceId of shapes) await registry.announce(announcement(instanceId, [{ name: 'forge' }], { ttlMs: 3 * minute, activeTasks: 2 }));
      expect(await instancesOf(registry, 'forge')).toEqual(shapes.map((instanceId) => `${instanceId} 2`).toSorted());
      await registry.leave('p\n1', ['forge']);
      expect(await instancesOf(registry, 'forge')).toHaveLength(shapes.length - 1);
      await advance(2 * minute);
      await registry.announce(announcement('p 1', [{ name: 'forge' }], { ttlMs: 3 * minute, activeTasks: 1 }));
      await advance(2 * minute);
      expect(await instancesOf(registry, 'forge')).toEqual(['p 1 1']);
    });

    promise('lets an agent leave a process at once, and still knows it', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'forge' }, { name: 'anvil' }]));
      await registry.announce(announcement('p2', [{ name: 'forge' }]));
      await registry.leave('p1', ['forge', 'anvil']);
      expect(await instancesOf(registry, 'forge')).toEqual(['p2 0']);
      expect(await registry.get('anvil')).toMatchObject({ name: 'anvil', isPresent: false });
    });

    promise('changes nothing when who is not there leaves or is forgotten', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'forge' }]));
      await registry.leave('p2', ['forge', 'nobody']);
      await registry.leave('p1', []);
      await registry.forget('nobody');
      expect(await namesOf(registry)).toEqual(['forge']);
      expect(await registry.get('forge')).toMatchObject({ isPresent: true });
    });

    promise('forgets an agent altogether, until it is announced again', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'forge', domains: ['eng'] }]));
      await registry.forget('forge');
      expect(await registry.get('forge')).toBeUndefined();
      expect(await registry.list()).toEqual([]);
      expect(await registry.primaryAgent('eng')).toBeUndefined();
      await registry.announce(announcement('p2', [{ name: 'forge' }]));
      expect(await instancesOf(registry, 'forge')).toEqual(['p2 0']);
    });

    promise('lists by name, however many there are', async ({ registry }) => {
      const names = Array.from({ length: 500 }, (_, index) => `agent-${String((index * 7) % 500).padStart(3, '0')}`);
      await registry.announce(announcement('p1', names.map((each) => ({ name: each }))));
      expect(await namesOf(registry)).toEqual(names.toSorted());
    });

    promise('names for a domain one that is present, then one that is primary, then by name', async ({ registry, advance }) => {
      await registry.announce(announcement('p1', [{ name: 'gone', domains: ['eng'], primaryFor: ['eng'] }], { ttlMs: 1 }));
      await advance(minute);
      expect(await registry.primaryAgent('eng')).toMatchObject({ name: 'gone', isPresent: false });
      await registry.announce(announcement('p1', [{ name: 'b', domains: ['eng'] }, { name: 'a', domains: ['eng'] }]));
      expect(await registry.primaryAgent('eng')).toMatchObject({ name: 'a', isPresent: true });
      await registry.announce(announcement('p2', [{ name: 'z', primaryFor: ['eng'] }]));
      expect(await registry.primaryAgent('eng')).toMatchObject({ name: 'z' });
      expect(await registry.primaryAgent('ops')).toBeUndefined();
    });

    promise('names nobody for a domain because of what else is said on a card', async ({ registry }) => {
      await registry.announce(announcement('p1', [{ name: 'eng', description: 'of "eng" and ["eng"]', capabilities: ['eng'] }]));
      for (const domain of ['eng', '', 'ENG', '"', '%a']) expect(await registry.primaryAgent(domain)).toBeUndefined();
    });

    promise('loses no process of an agent when many announce it at once', async ({ registry }) => {
      const instances = Array.from({ length: 40 }, (_, index) => `p${index}`);
      await Promise.all(instances.map((instanceId) => registry.announce(announcement(instanceId, [{ name: 'forge' }, { name: instanceId }]))));
      expect(await instancesOf(registry, 'forge')).toEqual(instances.map((instanceId) => `${instanceId} 0`).toSorted());
      expect(await namesOf(registry)).toHaveLength(41);
    });
  });
}
