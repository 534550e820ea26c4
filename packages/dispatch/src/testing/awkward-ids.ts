import { hash } from 'node:crypto';

/** Ids as channels make them, and as people who want to do harm make them: all different, some only just. */
export const awkwardIds: readonly string[] = [
  'm-1', 'M-1', 'm-1 ', ' m-1', 'm 1', 'm%201', 'm+1', '$abc:matrix.example', '1712345678.000100', '<id@mail.example>', '{m-1}', '{m}-1', '*', '?', '[m]', '\\', 'm\n1', 'm\r1', 'm\u00001',
  'm:1', ':m', 'm:', 'ünïcode', '\u{1f525}', '__proto__', 'constructor', '../../etc/passwd', `sha256:${hash('sha256', '*', 'hex')}`, 'x'.repeat(400), `${'x'.repeat(399)}y`,
];
