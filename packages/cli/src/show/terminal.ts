import picocolors from 'picocolors';

/** Where a command writes. Results go to `out`, what is said about them to `err`. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  readonly colors: ReturnType<typeof picocolors.createColors>;
  /** Whether a person reads along. */
  readonly isInteractive: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The terminal of this process. `NO_COLOR`, a dumb terminal or a pipe turns colours off; `FORCE_COLOR` turns them on. */
export function processTerminal(environment: Environment, options: { color: boolean }): Terminal {
  const isInteractive = process.stdout.isTTY === true;
  const forced = (environment['FORCE_COLOR'] ?? '') !== '' && environment['FORCE_COLOR'] !== '0';
  const allowed = options.color && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    colors: picocolors.createColors(allowed && (isInteractive || forced)),
    isInteractive,
  };
}
