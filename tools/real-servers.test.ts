import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { readWorkspaces, root } from './repository.ts';

const filesOf = (folder: string, select: RegExp): [path: string, text: string][] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /^(src|test)\//.test(file) && select.test(file))
    .map((file) => [`${folder}/${file}`, readFileSync(join(root, folder, file), 'utf8')]);

/** Packages whose sources talk to Redis: they import its client, or say what they need of one. */
const talkToRedis = readWorkspaces().filter(({ folder }) => filesOf(folder, /^src\/(?!.*\.test\.ts$).*\.ts$/).some(([path, text]) => /\/redis\//.test(path) || /from 'ioredis'/.test(text)));

// Weakness 35: 27 tests that imported and constructed things, and none that met a Redis.
describe('what talks to Redis', () => {
  it('is tested against a real one', () => {
    expect(talkToRedis.map(({ folder }) => folder)).toEqual(expect.arrayContaining(['packages/bus', 'packages/dispatch', 'packages/session']));
    for (const { folder } of talkToRedis) {
      const reached = filesOf(folder, /\.test\.ts$/).filter(([, text]) => /redisUrl|redisServer|ownServer|redis:\/\//.test(text));
      expect(reached.length, `${folder} has no test that meets a Redis`).toBeGreaterThan(0);
    }
  });

  it('is never tested against something that only looks like one', () => {
    for (const { folder } of readWorkspaces()) {
      for (const [path, text] of filesOf(folder, /\.ts$/)) expect(/vi\.mock\(|ioredis-mock|redis-memory-server|fakeredis/.test(text), path).toBe(false);
    }
  });

  it('finds a Redis wherever the tests are to be counted', async () => {
    const url = inject('redisUrl');
    if (url === '') {
      expect(process.env['CI'] ?? '', 'without redis-server a build server would pass by skipping').toBe('');
      return;
    }
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write('INFO server\r\n'));
    const [told] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(Number(/redis_version:(\d+)/.exec(told.toString())?.[1])).toBeGreaterThanOrEqual(7);
  });
});
