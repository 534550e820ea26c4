import { describe, expect, it } from 'vitest';

import { hostnameOf, isLoopback } from './loopback.ts';

describe('isLoopback', () => {
  it('knows names and addresses that only this machine can reach', () => {
    for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'app.localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]', '::ffff:127.0.0.1']) expect([name, isLoopback(name)]).toEqual([name, true]);
    for (const name of ['', '0.0.0.0', '::', '10.0.0.1', 'localhost.example', '127.0.0.1.example', '127.1.example', 'notlocalhost']) expect([name, isLoopback(name)]).toEqual([name, false]);
  });
});

describe('hostnameOf', () => {
  it('reads the name of a host with or without a port, and of nothing else', () => {
    expect(['localhost:80', '[::1]:9', '127.0.0.1'].map(hostnameOf)).toEqual(['localhost', '[::1]', '127.0.0.1']);
    for (const authority of ['', 'evil@localhost', 'localhost/evil', 'localhost#', ' localhost', 'x'.repeat(300), 'localhost:port']) expect([authority, hostnameOf(authority)]).toEqual([authority, undefined]);
  });
});
