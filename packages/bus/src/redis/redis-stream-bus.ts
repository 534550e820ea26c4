import { describeError, InvalidInputError, randomHex, silentLogger, type Clock, type HealthStatus, type Logger, type Random } from '@cortex-runtime/core';

import { BusConfig, type BusSettings } from '../config/index.ts';
import { completeReadOptions, completeSubscribeOptions } from '../consumer-options.ts';
import { assertOpen, HeldSubscription } from '../held-subscription.ts';
import type {
  BusNotice, DeadLetter, Envelope, FollowUp, GroupMessage, MessageBus, NackOutcome, NewMessage, PublishedMessage, PublishOptions, ReadGroupOptions, RestoredMessage, StreamStatus, SubscribeOptions, Subscription, Tail,
} from '../message-bus.ts';
import { notifier } from '../notifier.ts';
import { assertFollowUp, assertNewMessages } from '../publish-options.ts';
import { assertGroupName, assertStreamName, streamList } from '../stream-name.ts';
import { asksReplicas, runConfirmed } from './confirm.ts';
import { ConnectionPool } from './connection-pool.ts';
import { decodeEntry, type Entry } from './entry-codec.ts';
import { asBusError, asFull, type RedisConnection, type Reply } from './redis-connection.ts';
import { RedisConsumer } from './redis-consumer.ts';
import { leasedConsumer, RedisNames } from './redis-names.ts';
import { dedupDigestOf, RedisPublisher } from './redis-publisher.ts';
import { RedisSettlements } from './redis-settlements.ts';
import { RedisTail } from './redis-tail.ts';
import { followScript } from './scripts/follow.lua.ts';
import { probeScript } from './scripts/probe.lua.ts';
import { redeliverScript } from './scripts/redeliver.lua.ts';
import { assertServer, readInfo } from './server-check.ts';
import type { SettlementHost } from './settling.ts';

export interface RedisBusDependencies {
  clock: Clock;
  random: Random;
  logger?: Logger;
  /** Told of what no call can answer: resets, losses, lost leases, dead letters, lost connections. */
  onNotice?: (notice: BusNotice) => void;
  /** Names this process among consumers, for people who look at Redis; default `cortex`. */
  identity?: string;
}

/** Messages that wait are counted one by one up to here. */
const countedExactly = 100;
/** How long `health` waits for replicas, and lets work wait that comes behind it. */
const probeMs = 1_000;

/**
 * {@link MessageBus} on Redis 7 streams, with entries that the Python library reads and writes too.
 *
 * Creating it connects to nothing; the first call does. States: open → `close` → closed.
 */
export class RedisStreamBus implements MessageBus {
  readonly settings: BusSettings;
  readonly #deps: Required<Pick<RedisBusDependencies, 'clock' | 'random' | 'logger'>>;
  readonly #names: RedisNames;
  readonly #commands: RedisConnection;
  readonly #pool: ConnectionPool;
  readonly #publisher: RedisPublisher;
  readonly #settlements: RedisSettlements;
  readonly #consumer: RedisConsumer;
  #isClosed = false;

  constructor(deps: RedisBusDependencies, config: BusConfig = {}) {
    this.settings = BusConfig.parse(config);
    const { clock, random, logger = silentLogger } = deps;
    const identity = deps.identity ?? 'cortex';
    assertGroupName('identity', identity);
    const busId = randomHex(random, 8);
    const consumerName = leasedConsumer(identity, busId);
    const notify = notifier<BusNotice>(logger, deps.onNotice);
    this.#deps = { clock, random, logger };
    this.#names = new RedisNames(this.settings.streamPrefix);
    const onDisconnect = (connection: string, error: string) => {
      this.#consumer.disconnected();
      notify({ type: 'bus.disconnected', connection, error });
    };
    this.#pool = new ConnectionPool({ clock, random, logger, onDisconnect }, this.settings);
    this.#commands = this.#pool.open('commands', (run) => assertServer(run, this.settings));
    const leases = asksReplicas(this.settings) ? this.#pool.open('leases', (run) => assertServer(run, this.settings)) : this.#commands;
    this.#publisher = new RedisPublisher(this.#commands, this.settings, this.#names, busId, clock, (stream) => notify({ type: 'bus.forgot', stream }));
    const host: SettlementHost = {
      notify,
      returned: (stream, group, delayMs) => this.#consumer.returned(stream, group, delayMs),
      refused: (stream, group, msgId) => {
        notify({ type: 'bus.lease_lost', stream, group, msgId });
        this.#consumer.lostReply([stream], group);
      },
    };
    this.#settlements = new RedisSettlements(
      { connection: this.#commands, settings: this.settings, names: this.#names, publisher: this.#publisher, host },
      { name: consumerName, busId },
    );
    this.#consumer = new RedisConsumer(
      { clock, random, logger, settings: this.settings, names: this.#names, commands: this.#commands, leases, pool: this.#pool, settlements: this.#settlements, notify },
      { name: consumerName, busId },
    );
  }

  async publish(stream: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<string> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    return this.#publisher.publish(stream, payload, options);
  }

  async publishAll(stream: string, messages: readonly NewMessage[]): Promise<(string | Error)[]> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    assertNewMessages(messages);
    return this.#publisher.publishAll(stream, messages);
  }

  async createGroup(stream: string, group = this.settings.consumerGroup, options: { start?: 'beginning' | 'end' } = {}): Promise<void> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    assertGroupName('group', group);
    await this.#consumer.ensureGroup(stream, group, options.start === 'end' ? '$' : '0').catch((error: unknown) => {
      throw asFull(stream, error);
    });
  }

  async removeGroup(stream: string, group: string): Promise<boolean> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    assertGroupName('group', group);
    return this.#commands.persist(`remove the group ${group} of ${stream}`, async (attempt) => {
      try {
        return Number(await this.#commands.command(['XGROUP', 'DESTROY', this.#names.stream(stream), group])) === 1 || attempt > 1;
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('ERR The XGROUP subcommand requires the key to exist')) return false;
        throw error;
      }
    });
  }

  async readGroup(streams: string | readonly string[], options: ReadGroupOptions): Promise<GroupMessage[]> {
    assertOpen(this.#isClosed);
    const list = streamList(streams);
    const { group, consumer, count, blockMs } = completeReadOptions(options, this.settings.consumerGroup);
    return this.#consumer.readOnce(list, group, consumer, count, blockMs).catch((error: unknown) => {
      throw asBusError(`read ${list.join(', ')}`, error);
    });
  }

  async ack(stream: string, group: string, msgIds: string | readonly string[]): Promise<number> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const ids = typeof msgIds === 'string' ? [msgIds] : msgIds;
    if (ids.length === 0) return 0;
    return this.#commands.persist(`acknowledge on ${stream}`, async () => Number(await this.#commands.command(['XACK', this.#names.stream(stream), group, ...ids])));
  }

  async nack(stream: string, group: string, msgId: string, options: { reason?: unknown; delayMs?: number } = {}): Promise<NackOutcome | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const reason = options.reason === undefined ? 'no reason given' : describeError(options.reason);
    return this.#settlements.settle('retry', { stream, group, msgId }, reason, options.delayMs ?? 0);
  }

  subscribe(streams: string | readonly string[], options: SubscribeOptions = {}): Subscription {
    assertOpen(this.#isClosed);
    const list = streamList(streams);
    const subscription = new HeldSubscription(this.#deps.clock, this.#consumer, list, completeSubscribeOptions(options, this.settings.consumerGroup));
    this.#consumer.add(subscription);
    return subscription;
  }

  async deadLetters(stream: string, options: { limit?: number; after?: string } = {}): Promise<DeadLetter[]> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const from = options.after === undefined ? '-' : `(${options.after}`;
    const reply = (await this.#commands.persist(`list dead letters of ${stream}`, () =>
      this.#commands.command(['XRANGE', this.#names.deadLetters(stream), from, '+', 'COUNT', options.limit ?? 100], { asBuffer: true }),
    )) as [Buffer, Buffer[]][];
    return reply.map(([id, fields]) => deadLetterOf(stream, id, fields));
  }

  async redeliver(stream: string, deadLetterIds: string | readonly string[]): Promise<string[]> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const ids = typeof deadLetterIds === 'string' ? [deadLetterIds] : deadLetterIds;
    // Repeating it is safe: what was moved is no longer among the dead letters. Only the ids of that part are then not given.
    return this.#commands.persist(`redeliver on ${stream}`, async () => (await this.#commands.script(redeliverScript, [this.#names.stream(stream), this.#names.deadLetters(stream)], ids)) as string[]).catch((error: unknown) => {
      throw asFull(stream, error);
    });
  }

  async inspect(stream: string): Promise<StreamStatus> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    return this.#commands.persist(`inspect ${stream}`, async () => {
      const key = this.#names.stream(stream);
      const [length, groups, deadLetters] = await Promise.all([
        this.#commands.command(['XLEN', key]).then(Number),
        this.#commands.command(['XINFO', 'GROUPS', key]).catch((error: Error) => {
          if (error.message.includes('no such key')) return [];
          throw error;
        }),
        this.#commands.command(['XLEN', this.#names.deadLetters(stream)]).then(Number),
      ]);
      const status = (groups as Reply[][]).map(async (fields) => {
        const of = (name: string) => fields[fields.indexOf(name) + 1];
        return { name: String(of('name')), pending: Number(of('pending')), waiting: await this.#countWaiting(key, String(of('last-delivered-id')), of('lag') ?? null, length) };
      });
      return { length, groups: await Promise.all(status), deadLetters };
    });
  }

  /**
   * The server's own count (`lag`) is too high after it has read its file again, and absent after messages that nobody had read were taken back. Exact as long as little waits.
   */
  async #countWaiting(key: string, lastDelivered: string, lag: Reply, length: number): Promise<number> {
    if (lag !== null && Number(lag) === 0) return 0;
    const after = (await this.#commands.command(['XRANGE', key, `(${lastDelivered}`, '+', 'COUNT', countedExactly])) as Reply[];
    return after.length < countedExactly ? after.length : Math.min(lag === null ? length : Number(lag), length);
  }

  async revoke(stream: string, msgId: string, { publish }: { publish?: FollowUp } = {}): Promise<boolean> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    assertFollowUp(publish);
    const dedupDigest = (await this.#find(stream, msgId))?.dedupDigest;
    const isTogether = this.settings.cluster === undefined;
    const isRevoked = await this.#settlements.revoke({ stream, msgId, dedupDigest }, isTogether ? publish : undefined);
    if (!isRevoked) return false;
    if (publish !== undefined && !isTogether) {
      const followUpId = await this.#publisher.publish(publish.stream, publish.payload, { ...publish, dedupId: `follows:revoke:${stream}:${msgId}` });
      await this.#commands.persist(`note ${followUpId}`, () => this.#commands.script(followScript, [this.#names.followUps(stream, msgId)], [this.settings.dedupWindowMs, msgId, followUpId]));
    }
    this.#consumer.announceRevoked(stream, msgId);
    return true;
  }

  async findPublished(stream: string, dedupId: string): Promise<PublishedMessage | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    return this.#commands.persist(`find ${dedupId} on ${stream}`, async () => {
      const known = await this.#commands.command(['GET', this.#names.dedup(stream, dedupDigestOf(dedupId))]);
      if (known === null) return undefined;
      const [msgId = ''] = String(known).split(' ');
      const [entries, followUpId] = await Promise.all([
        this.#commands.command(['XRANGE', this.#names.stream(stream), msgId, msgId]),
        this.#commands.command(['HGET', this.#names.followUps(stream, msgId), msgId]),
      ]);
      const isKept = (entries as Reply[]).length > 0;
      return { msgId, isKept, followUpId: followUpId === null ? undefined : String(followUpId) };
    });
  }

  async restore(stream: string, dedupId: string, payload: Uint8Array | string, options: { msgType?: string } = {}): Promise<RestoredMessage> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    return this.#publisher.restore(stream, dedupId, payload, options);
  }

  async fetch(stream: string, msgId: string): Promise<Envelope | undefined> {
    assertOpen(this.#isClosed);
    assertStreamName(stream);
    const entry = await this.#find(stream, msgId);
    return entry?.payload === undefined ? undefined : { msgId, msgType: entry.msgType, payload: entry.payload, resumed: false };
  }

  #find(stream: string, msgId: string): Promise<Entry | undefined> {
    return this.#commands.persist(`fetch ${msgId} of ${stream}`, async () => {
      const [found] = (await this.#commands.command(['XRANGE', this.#names.stream(stream), msgId, msgId], { asBuffer: true })) as [Buffer, Reply][];
      return found === undefined ? undefined : decodeEntry(...found);
    });
  }

  async tail(streams: string | readonly string[], { after }: { after?: string } = {}): Promise<Tail> {
    assertOpen(this.#isClosed);
    const list = streamList(streams);
    if (list.length > 1 && after !== undefined) throw new InvalidInputError('after', 'is an id of one stream, and several were given');
    if (list.length > 1 && this.settings.cluster !== undefined) throw new InvalidInputError('streams', 'in a cluster one tail watches one stream');
    return RedisTail.open({ ...this.#deps, settings: this.settings, names: this.#names, connection: this.#pool.open('tail') }, list, after);
  }

  async health(): Promise<HealthStatus> {
    const { host, port, url, cluster, sentinel, durability } = this.settings;
    const where = url === undefined ? (cluster ?? sentinel)?.nodes.map((node) => `${node.host}:${node.port}`).join(',') ?? `${host}:${port}` : withoutPassword(url);
    const details: Record<string, unknown> = { server: where, durability, connections: this.#pool.size, subscriptions: this.#consumer.subscriptions };
    if (this.#isClosed) return { ok: false, error: 'the bus is closed', details };
    try {
      const startedAt = this.#deps.clock.monotonic();
      await this.#commands.command(['PING']);
      const latencyMs = this.#deps.clock.monotonic() - startedAt;
      const info = readInfo(String(await this.#commands.command(['INFO'])));
      details['redisVersion'] = info['redis_version'];
      details['connectedClients'] = Number(info['connected_clients']);
      details['appendOnly'] = info['aof_enabled'] === '1';
      const problem = await this.#unconfirmed(details);
      return problem === undefined ? { ok: true, latencyMs, details } : { ok: false, error: problem, latencyMs, details };
    } catch (error) {
      return { ok: false, error: describeError(error), details };
    }
  }

  /** Strict class: writes something and asks who has it, for a replica whose link is up need not have been sent anything yet. In a cluster each node would have to be asked. */
  async #unconfirmed(details: Record<string, unknown>): Promise<string | undefined> {
    const { confirmingReplicas, cluster } = this.settings;
    if (!asksReplicas(this.settings) || cluster !== undefined) return undefined;
    const { problem } = await runConfirmed(this.#commands, this.settings, '', probeScript, [this.#names.probe], [probeMs], { waitMs: probeMs });
    details['confirmed'] = problem === undefined;
    return problem === undefined ? undefined : `fewer than ${confirmingReplicas} replicas confirm what is written: nothing can be published in the strict class until they do`;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#consumer.close();
    this.#pool.close();
  }
}

function deadLetterOf(stream: string, id: Buffer, fields: Buffer[]): DeadLetter {
  const of = (name: string) => fields[fields.findIndex((field, index) => index % 2 === 0 && field.toString() === name) + 1]?.toString() ?? '';
  const entry = decodeEntry(id, fields);
  return {
    deadLetterId: id.toString(),
    msgId: of('msg_id'),
    stream,
    group: of('group'),
    msgType: entry?.msgType ?? '',
    payload: entry?.payload ?? Buffer.alloc(0),
    deliveryCount: Number(of('delivery_count')),
    errors: JSON.parse(of('errors') || '[]') as string[],
  };
}

function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/)[^@/]*@/, '$1');
}
