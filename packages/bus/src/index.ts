export {
  type BusNotice,
  type DeadLetter,
  type Delivery,
  type Envelope,
  type FollowUp,
  type GroupMessage,
  type MessageBus,
  type NackOutcome,
  type NewMessage,
  type PublishedMessage,
  type PublishOptions,
  type ReadGroupOptions,
  type RestoredMessage,
  type StreamStatus,
  type SubscribeOptions,
  type Subscription,
  type Tail,
} from './message-bus.ts';
export {
  BusClosedError,
  BusConflictError,
  BusConnectionError,
  BusError,
  BusFullError,
  BusSerializationError,
  BusUnconfirmedError,
  BusUnsafeServerError,
  LeaseLostError,
} from './errors.ts';
export { fleetOrgId, Keyspace } from './keyspace.ts';
export { MemoryBus, type MemoryBusDependencies } from './memory/memory-bus.ts';
export type { BusEvent, EventBus, EventNotice, EventOf, EventSubscriptionOptions, EventTypes, PublishEventOptions } from './event-bus.ts';
export { MemoryEventBus, type EventBusDependencies } from './memory/memory-event-bus.ts';
