import type { BusConfig } from '../config/index.ts';
import type { BusNotice, Delivery, MessageBus, Subscription } from '../message-bus.ts';

/** Registers one promise of the contract as a test, on a bus of its own. */
export type Promised = (title: string, check: (context: { bus: MessageBus; notices: BusNotice[] }) => Promise<void>, config?: BusConfig) => void;

export async function take(subscription: Subscription): Promise<Delivery> {
  const { value, done } = await subscription.next();
  if (done === true || value === undefined) throw new Error('the subscription has ended');
  return value;
}

/** Takes and acknowledges. */
export async function takeTexts(subscription: Subscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  const acks: Promise<void>[] = [];
  while (texts.length < count) {
    const delivery = await take(subscription);
    texts.push(delivery.text());
    acks.push(delivery.ack());
  }
  await Promise.all(acks);
  return texts;
}

export function decode(message: { payload: Uint8Array } | undefined): string | undefined {
  return message === undefined ? undefined : new TextDecoder().decode(message.payload);
}

export function catchError(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
