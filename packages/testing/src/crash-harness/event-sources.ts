import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { crashAgents, dropDirectory } from './crash-agents.ts';

/** Sends signed webhooks until they are taken, as a sender that retries does. */
export interface WebhookSender {
  /** Resolves when the delivery was acknowledged. */
  deliver(delivery: string): Promise<void>;
  /** Sends a delivery once more, if somebody listens. A second acknowledgement of it as new is what `secondTakes` counts. */
  deliverAgain(delivery: string): Promise<void>;
  readonly acknowledged: readonly { processId: string; eventId: string }[];
  readonly duplicates: number;
  readonly secondTakes: number;
}

export function webhookSender(options: { url: string; secret: string; signal: AbortSignal }): WebhookSender {
  const acknowledged: { processId: string; eventId: string }[] = [];
  let duplicates = 0;
  let secondTakes = 0;
  const send = async (delivery: string) => {
    const body = JSON.stringify({ delivery, text: 'please' });
    const signature = `sha256=${createHmac('sha256', options.secret).update(body).digest('hex')}`;
    try {
      const response = await fetch(`${options.url}/hooks/${crashAgents.webhook}/in`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'x-webhook-signature': signature, 'x-webhook-delivery': delivery },
        signal: options.signal,
      });
      return { status: response.status, body: (await response.json()) as { status?: string; event_id?: string } };
    } catch {
      return undefined; // nobody listens, or the host died while it answered: nothing is known
    }
  };
  const take = (answer: Awaited<ReturnType<typeof send>>) => {
    if (answer === undefined || (answer.status !== 202 && answer.status !== 200) || answer.body.event_id === undefined) return false;
    acknowledged.push({ processId: crashAgents.webhook, eventId: answer.body.event_id });
    if (answer.status === 200) duplicates += 1;
    return true;
  };
  return {
    acknowledged,
    get duplicates() {
      return duplicates;
    },
    get secondTakes() {
      return secondTakes;
    },
    async deliver(delivery) {
      while (!take(await send(delivery))) {
        options.signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    },
    async deliverAgain(delivery) {
      const answer = await send(delivery);
      take(answer);
      if (answer?.status === 202) secondTakes += 1;
    },
  };
}

/** Drops a file for the file agent. @returns its path, as the event names it */
export function dropFile(directory: string, number: number): string {
  const path = join(dropDirectory(directory), `letter-${number}.txt`);
  writeFileSync(path, `letter ${number}\n`);
  return path;
}
