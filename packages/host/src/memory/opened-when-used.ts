import { MemoryClosedError, type MemoryProvider } from '@cortex-runtime/memory';

/** A memory that its first use opens, and the next one when that failed: what is down when an agent starts does not keep it from starting. */
export function openedWhenUsed(open: () => Promise<MemoryProvider>): MemoryProvider {
  let opened: Promise<MemoryProvider> | undefined;
  let isClosed = false;
  const memory = (): Promise<MemoryProvider> => {
    if (isClosed) return Promise.reject(new MemoryClosedError());
    opened ??= open();
    opened.catch(() => (opened = undefined));
    return opened;
  };
  return {
    add: async (...given) => (await memory()).add(...given),
    search: async (...given) => (await memory()).search(...given),
    delete: async (...given) => (await memory()).delete(...given),
    async close() {
      isClosed = true;
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}
