import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FileMemoryProviderOptions } from '@cortex-runtime/memory';

import { memoryScope, type MemoryOwner } from '../src/memory/memory-scope.ts';

const own = (processName: string, userId = 'default') => memoryScope({ processName, collection: 'agent_memory', userId });

describe('memoryScope', () => {
  it('is readable, and the same every time', () => {
    expect(own('Order-Desk')).toMatch(/^order-desk_[0-9a-f]{16}$/);
    expect(own('Order-Desk')).toBe(own('Order-Desk'));
  });

  it('is one for all agents that name a collection, and for nobody else', () => {
    const shared = (processName: string, userId = 'default') => memoryScope({ processName, collection: 'forge', userId });
    expect(shared('a')).toBe(shared('b'));
    expect(new Set([shared('a'), shared('a', 'anna'), own('forge'), own('Forge'), own('forge', 'anna')]).size).toBe(5);
  });

  it('is a file name, and another for every other owner', () => {
    const owner = fc.record({ processName: fc.string({ maxLength: 80 }), collection: fc.oneof(fc.constant('agent_memory'), fc.string({ minLength: 1, maxLength: 200 })), userId: fc.string({ maxLength: 20 }) });
    const meant = ({ processName, collection, userId }: MemoryOwner) => JSON.stringify(collection === 'agent_memory' ? [processName, null, userId] : [null, collection, userId]);
    fc.assert(
      fc.property(owner, owner, (one, other) => {
        expect(FileMemoryProviderOptions.safeParse({ collection: memoryScope(one) }).success).toBe(true);
        expect(memoryScope(one) === memoryScope(other)).toBe(meant(one) === meant(other));
      }),
    );
  });
});
