import { MemoryBus } from '@cortex-runtime/bus';
import { idGenerator } from '@cortex-runtime/core';
import { systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';

import { AgentPresence, InMemoryAgentRegistry, TaskClient, TaskConsumer, TaskDispatcher } from '../../src/index.ts';
import { terminalChannel } from '../../src/node/index.ts';

/** What a test runs in a process of its own: a conversation with one agent that repeats what it is told, for as long as there is something to read. */
export async function converse(): Promise<void> {
  const createId = idGenerator({ clock, random });
  const bus = new MemoryBus({ clock });
  const registry = new InMemoryAgentRegistry({ clock });
  const presence = new AgentPresence({ registry, clock, instanceId: 'only' });
  const channel = terminalChannel({ input: process.stdin, output: process.stdout, clock, createId }, { showReactions: false, showActivities: false });
  const client = new TaskClient({ bus, clock, createId });
  const dispatcher = new TaskDispatcher({ client, clock, random, registry, channel });
  const consumer = new TaskConsumer({ bus, clock, random, channel, presence }, { identity: 'forge' });
  await consumer.start(async function* (prompt) {
    yield { kind: 'output', data: 'echo: ' };
    yield { kind: 'output', data: prompt };
  });
  await channel.listen(async (message) => {
    const dispatched = await dispatcher.dispatch(message);
    if (dispatched !== undefined) await client.waitFor(dispatched);
    return dispatched;
  });
  await channel.ended;
  await consumer.stop();
  await client.close();
  await presence.close();
  await bus.close();
}
