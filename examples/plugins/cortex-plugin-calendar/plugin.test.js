import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CalendarPlugin } from './plugin.js';
import { startCalendarService } from './service/calendar-service.js';

const call = (idempotencyKey) => ({ idempotencyKey, requestedBy: 'test', signal: new AbortController().signal });

test('creates an event once and lists it', async (t) => {
  const service = await startCalendarService({ apiKey: 'test-key' });
  t.after(() => service.close());
  const plugin = new CalendarPlugin();
  await plugin.setup({ get: async () => 'test-key' }, { settings: { url: service.url } });
  t.after(() => plugin.teardown());

  const params = { title: 'Standup', date: '2026-06-02' };
  const first = await plugin.executeAction('create_event', params, call('k'));
  assert.deepEqual(await plugin.executeAction('create_event', params, call('k')), first);
  const { data } = await plugin.executeAction('list_events', { start: '2026-06-01', end: '2026-06-30' }, call('l'));
  assert.deepEqual(data.events.map(({ title }) => title), ['Standup']);
  assert.deepEqual(await plugin.probeAction('create_event', params, call('other')), { happened: false });
  assert.equal((await plugin.health()).status, 'healthy');
});
