import { createHash } from 'node:crypto';

/** A Lua script and the name under which the server keeps it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/**
 * @param options.runsWhenFull - it runs on a server that has reached `maxmemory`, where nothing can be added: for what settles work, and thereby makes room
 */
export function script(source: string, { runsWhenFull = false }: { runsWhenFull?: boolean } = {}): Script {
  const whole = runsWhenFull ? `#!lua flags=allow-oom\n${source}` : source;
  return { source: whole, sha: createHash('sha1').update(whole).digest('hex') };
}
