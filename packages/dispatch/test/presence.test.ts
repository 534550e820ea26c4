import { fixedClock } from '@cortex-runtime/core/testing';
import { expect, it, onTestFinished } from 'vitest';

import { AgentPresence, InMemoryAgentRegistry, InMemoryThreadAffinity, type AgentRegistry } from '../src/index.ts';
import { HeldRegistry } from './support/held-registry.ts';

it('an agent is present as long as its process says so', async () => {
  const clock = fixedClock();
  const registry = new InMemoryAgentRegistry({ clock });
  const presence = new AgentPresence({ registry, clock, instanceId: 'p1' }, { ttlMs: 15_000 });
  const heartbeat = await presence.join({ name: 'forge', domains: ['eng'] });
  heartbeat.addTask('t1', 'Ann: build it');
  expect(presence.tasks()).toEqual([{ agent: 'forge', taskId: 't1', label: 'Ann: build it' }]);
  await clock.advance(60_000);
  expect(await registry.get('FORGE')).toMatchObject({ name: 'forge', isPresent: true, instances: [{ instanceId: 'p1', activeTasks: 1 }] });
  await presence.close();
  expect(await registry.get('forge')).toMatchObject({ isPresent: false, instances: [] });
  expect(await registry.primaryAgent('eng')).toMatchObject({ name: 'forge' });
});

it('the agents of a process are announced together, however many they are', async () => {
  const clock = fixedClock();
  let announcements = 0;
  const registry = new InMemoryAgentRegistry({ clock });
  const counting = Object.assign(Object.create(registry) as AgentRegistry, {
    announce: (announcement: Parameters<AgentRegistry['announce']>[0]) => {
      announcements += 1;
      return registry.announce(announcement);
    },
  });
  const presence = new AgentPresence({ registry: counting, clock, instanceId: 'p1' });
  onTestFinished(() => presence.close());
  await Promise.all(Array.from({ length: 100 }, (_, index) => presence.join({ name: `agent-${index}` })));
  announcements = 0;
  await clock.advance(15_000);
  expect(announcements).toBe(3);
  expect((await registry.list()).filter(({ isPresent }) => isPresent)).toHaveLength(100);
});

it('a registry that is away is told again', async () => {
  const clock = fixedClock();
  const registry = new InMemoryAgentRegistry({ clock });
  let isAway = true;
  const flaky = Object.assign(Object.create(registry) as AgentRegistry, {
    announce: (announcement: Parameters<AgentRegistry['announce']>[0]) => (isAway ? Promise.reject(new Error('away')) : registry.announce(announcement)),
  });
  const presence = new AgentPresence({ registry: flaky, clock, instanceId: 'p1' });
  onTestFinished(() => presence.close());
  await presence.join({ name: 'forge' });
  expect(await registry.get('forge')).toBeUndefined();
  isAway = false;
  await clock.advance(5_000);
  expect(await registry.get('forge')).toMatchObject({ isPresent: true });
});

it('an agent that leaves while it is announced has left', async () => {
  const clock = fixedClock();
  const registry = new HeldRegistry({ clock });
  const presence = new AgentPresence({ registry, clock, instanceId: 'p1' });
  onTestFinished(() => presence.close());
  const joining = presence.join({ name: 'forge' });
  await registry.asked;
  const leaving = presence.leave('forge');
  registry.open();
  await Promise.all([joining, leaving]);
  expect(await registry.get('forge')).toMatchObject({ isPresent: false });
});

it('a thread is with its agent until nobody has answered for a while', async () => {
  const clock = fixedClock();
  const affinity = new InMemoryThreadAffinity({ clock }, { ttlMs: 1_000 });
  await affinity.setAgent('t', 'forge');
  await clock.advance(900);
  expect(await affinity.refreshTtl('t')).toBe(true);
  await clock.advance(900);
  expect(await affinity.getAgent('t')).toBe('forge');
  await clock.advance(200);
  expect(await affinity.getAgent('t')).toBeUndefined();
  expect(await affinity.refreshTtl('t')).toBe(false);
});
