// @ts-check
/** @import { ActionCall, CredentialBroker, PluginActionInfo, PluginHealthReport, PluginResult, PluginSetupContext, ServicePlugin } from '@cortex-runtime/plugins' */

import { CalendarClient } from './service/calendar-client.js';

const date = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' };

/**
 * Reads and writes calendar events.
 *
 * @implements {ServicePlugin}
 */
export class CalendarPlugin {
  name = 'calendar';
  version = '1.0.0';
  description = 'Read and write calendar events';

  /** @type {CalendarClient | undefined} */
  #client;

  /**
   * Called once, before the first action.
   *
   * @param {CredentialBroker} broker
   * @param {Partial<PluginSetupContext>} [context]
   */
  async setup(broker, context) {
    const client = new CalendarClient(String(context?.settings?.url ?? 'http://127.0.0.1:8787'), await broker.get('calendar_api_key'));
    await client.ping(context?.signal);
    this.#client = client;
  }

  async teardown() {
    this.#client = undefined;
  }

  /** @returns {PluginActionInfo[]} */
  listActions() {
    return [
      {
        name: 'list_events',
        description: 'List calendar events for a date range, both days included',
        tier: 'auto',
        isReadOnly: true,
        timeoutMs: 10_000,
        parameters: {
          type: 'object',
          properties: { start: { ...date, description: 'ISO date' }, end: { ...date, description: 'ISO date' } },
          required: ['start', 'end'],
          additionalProperties: false,
        },
      },
      {
        name: 'create_event',
        description: 'Create a calendar event',
        tier: 'confirm', // a person sees the event before it is in anybody's calendar
        onUnknown: 'probe', // the service remembers idempotency keys
        timeoutMs: 10_000,
        rateLimit: { calls: 30, perMs: 60_000 },
        parameters: {
          type: 'object',
          properties: {
            title: { type: 'string', minLength: 1, maxLength: 200 },
            date: { ...date, description: 'ISO date' },
            attendees: { type: 'array', items: { type: 'string' }, maxItems: 50 },
          },
          required: ['title', 'date'],
          additionalProperties: false,
        },
      },
      { name: 'clear_calendar', description: 'Delete every event', tier: 'admin' },
    ];
  }

  /**
   * @param {string} action
   * @param {any} params - fit the schema of the action
   * @param {ActionCall} call
   * @returns {Promise<PluginResult>}
   */
  async executeAction(action, params, call) {
    const client = this.#ready();
    switch (action) {
      case 'list_events':
        return { success: true, data: { events: await client.list(params.start, params.end, call.signal) } };
      case 'create_event': {
        const event = await client.create(params, call);
        return { success: true, data: { event_id: event.id } };
      }
      case 'clear_calendar':
        return { success: true, data: { deleted: await client.clear(call.signal) } };
      default:
        return { success: false, error: `Unknown action: ${action}` };
    }
  }

  /**
   * Whether a call of which nobody knows the outcome happened.
   *
   * @param {string} _action
   * @param {any} _params
   * @param {ActionCall} call
   * @returns {Promise<{ happened: true, result: PluginResult } | { happened: false }>}
   */
  async probeAction(_action, _params, call) {
    const event = await this.#ready().findByKey(call.idempotencyKey, call.signal);
    return event === undefined ? { happened: false } : { happened: true, result: { success: true, data: { event_id: event.id } } };
  }

  /** @returns {Promise<PluginHealthReport>} */
  async health() {
    try {
      await this.#ready().ping();
      return { plugin: this.name, status: 'healthy' };
    } catch (error) {
      return { plugin: this.name, status: 'unhealthy', error: error instanceof Error ? error.message : String(error) };
    }
  }

  #ready() {
    if (this.#client === undefined) throw new Error('the calendar is not set up');
    return this.#client;
  }
}

export const plugin = CalendarPlugin;
