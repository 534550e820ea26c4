// @ts-check

/** @typedef {{ id: string, title: string, date: string, attendees?: string[] }} CalendarEvent */

/** Speaks HTTP with the calendar service. */
export class CalendarClient {
  #url;
  #key;

  /**
   * @param {string} url
   * @param {string} key
   */
  constructor(url, key) {
    this.#url = url.replace(/\/$/, '');
    this.#key = key;
  }

  /** @param {AbortSignal} [signal] */
  async ping(signal) {
    await this.#request('GET', '/ping', { signal });
  }

  /**
   * @param {string} start
   * @param {string} end
   * @param {AbortSignal} [signal]
   * @returns {Promise<CalendarEvent[]>}
   */
  async list(start, end, signal) {
    return (await this.#request('GET', `/events?${new URLSearchParams({ start, end })}`, { signal })).events;
  }

  /**
   * @param {{ title: string, date: string, attendees?: string[] }} event
   * @param {{ idempotencyKey: string, signal: AbortSignal }} call
   * @returns {Promise<CalendarEvent>}
   */
  async create(event, { idempotencyKey, signal }) {
    return this.#request('POST', '/events', { body: event, headers: { 'idempotency-key': idempotencyKey }, signal });
  }

  /**
   * @param {string} key
   * @param {AbortSignal} [signal]
   * @returns {Promise<CalendarEvent | undefined>}
   */
  async findByKey(key, signal) {
    return (await this.#request('GET', `/events?${new URLSearchParams({ idempotency_key: key })}`, { signal })).events[0];
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<number>}
   */
  async clear(signal) {
    return (await this.#request('DELETE', '/events', { signal })).deleted;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ body?: object, headers?: Record<string, string>, signal?: AbortSignal | undefined }} [options]
   * @returns {Promise<any>}
   */
  async #request(method, path, { body, headers, signal } = {}) {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw new Error(`the calendar answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
    return response.json();
  }
}
