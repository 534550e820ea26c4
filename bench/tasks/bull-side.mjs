/** Jobs of BullMQ, on the same Redis. */
import { Queue, QueueEvents, Worker } from 'bullmq';

const data = { text: 'x'.repeat(100), messageId: 'm', domain: 'eng', senderId: 'u', dispatchedAt: new Date().toISOString() };
let options;
let queue;
let events;
let worker;
let finished = 0;
let target = Number.POSITIVE_INFINITY;
let reached = () => {};

export const operations = {
  async open({ port, name }) {
    options = { connection: { host: '127.0.0.1', port, maxRetriesPerRequest: null } };
    queue = new Queue(name, { ...options, defaultJobOptions: { removeOnComplete: true } });
    await queue.waitUntilReady();
  },

  /** In turns of 500, two at a time; gives milliseconds. */
  async submit({ count }) {
    const begun = performance.now();
    let next = 0;
    const turns = async () => {
      while (next < count) {
        const at = next;
        next += 500;
        await queue.addBulk(Array.from({ length: Math.min(500, count - at) }, () => ({ name: 'task', data })));
      }
    };
    await Promise.all([turns(), turns()]);
    return performance.now() - begun;
  },

  async work({ concurrency }) {
    worker = new Worker(queue.name, async () => 'ok', { ...options, concurrency });
    worker.on('completed', () => {
      finished += 1;
      if (finished >= target) reached();
    });
    await worker.waitUntilReady();
  },

  pause: () => worker.pause(),
  resume: () => worker.resume(),

  async done(count) {
    const begun = performance.now();
    await new Promise((resolve) => {
      target = finished + count;
      reached = resolve;
      if (finished >= target) resolve();
    });
    return performance.now() - begun;
  },

  async stopWork() {
    await worker?.close();
  },

  async roundTrips({ count }) {
    events = new QueueEvents(queue.name, options);
    await events.waitUntilReady();
    const taken = [];
    for (let index = 0; index < count; index += 1) {
      const begun = performance.now();
      const job = await queue.add('task', data, { removeOnComplete: 100 });
      await job.waitUntilFinished(events);
      taken.push(performance.now() - begun);
    }
    return taken;
  },

  async close() {
    await events?.close();
    await queue.close();
  },
};
