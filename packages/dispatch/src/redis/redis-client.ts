/** What is needed of a Redis client: `Redis` and `Cluster` of ioredis fit. It stays the caller's: nothing here configures, connects or closes it. */
export interface RedisClient {
  call(command: string, ...values: (string | number)[]): Promise<unknown>;
}
