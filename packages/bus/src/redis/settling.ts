import type { BusSettings } from '../config/index.ts';
import type { BusNotice } from '../message-bus.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { RedisNames } from './redis-names.ts';
import type { RedisPublisher } from './redis-publisher.ts';

/** How long the errors of earlier attempts are kept. */
export const errorMemoryMs = 7 * 86_400_000;

export interface SettlementHost {
  notify(notice: BusNotice): void;
  /** A message of the stream may be delivered again after `delayMs`. */
  returned(stream: string, group: string, delayMs: number): void;
  /** The server says that the message is not this delivery's any more. It may have delivered it to us again, though, while it still seemed to be held. */
  refused(stream: string, group: string, msgId: string): void;
}

export interface SettlementDependencies {
  connection: RedisConnection;
  settings: BusSettings;
  names: RedisNames;
  publisher: RedisPublisher;
  host: SettlementHost;
}

/** What is settled. */
export interface Settling {
  stream: string;
  group: string;
  msgId: string;
  /** Absent: by id, whoever holds it. */
  deliveryCount?: number;
  /** Of the message's deduplication id, if it has one. */
  dedupDigest?: string | undefined;
}

/** Without its group, or its stream, nothing is pending. */
export function goneWithGroup(error: unknown): 'gone' {
  if (error instanceof Error && error.message.includes('NOGROUP')) return 'gone';
  throw error;
}
