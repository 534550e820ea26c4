import { describe, it, onTestFinished } from 'vitest';

import type { BusConfig } from '../config/index.ts';
import type { BusNotice, MessageBus } from '../message-bus.ts';
import type { Promised } from './contract-bus.ts';
import { deliveryPromises } from './delivery-promises.ts';
import { publishingPromises } from './publishing-promises.ts';
import { settlementPromises } from './settlement-promises.ts';

/** Opens a bus of the adapter. Buses opened with the same `space` share their streams where the adapter can; `onNotice` is passed on. */
export type OpenMessageBus = (space: string, config: BusConfig, onNotice?: (notice: BusNotice) => void) => Promise<MessageBus>;

let spaces = 0;

/**
 * The promises of {@link MessageBus}, for every adapter.
 *
 * @param exceptions - titles of promises that the adapter does not keep, each with the reason; they show as skipped
 */
export function describeMessageBusContract(name: string, open: OpenMessageBus, exceptions: Readonly<Record<string, string>> = {}): void {
  const promise: Promised = (title, check, config = {}) => {
    const reason = exceptions[title];
    if (reason !== undefined) {
      it.skip(`${title} (${reason})`, () => {});
      return;
    }
    it(title, async () => {
      const notices: BusNotice[] = [];
      const bus = await open(`contract-${(spaces += 1)}`, { ...quick, ...config }, (notice) => notices.push(notice));
      onTestFinished(() => bus.close());
      await check({ bus, notices });
    });
  };

  describe(`${name} keeps the contract of a message bus`, () => {
    deliveryPromises(promise);
    settlementPromises(promise);
    publishingPromises(promise);
  });
}

/** Short enough that a test of retries does not wait, long enough that nothing runs out by itself. */
const quick: BusConfig = { retryBackoffBaseMs: 5, retryBackoffMaxMs: 20, blockMs: 1_000 };
