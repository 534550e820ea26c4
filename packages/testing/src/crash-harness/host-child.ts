import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface HostChildOptions {
  /** Program and arguments that run the CLI: `[process.execPath, 'bin/cortex.mjs']`. */
  command: readonly string[];
  workingDirectory: string;
  environment: Readonly<Record<string, string>>;
}

/** A `cortex start` as a child. */
export interface HostChild {
  readonly pid: number;
  /** Milliseconds from the start until all agents were at work; undefined when the child ended before. Rejects when an agent could not start. */
  readonly ready: Promise<number | undefined>;
  readonly exited: Promise<void>;
  /** What it wrote that is no event. */
  said(): string;
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

/** Starts a host that tells its progress as JSON lines. */
export function startHostChild({ command, workingDirectory, environment }: HostChildOptions): HostChild {
  const startedAt = performance.now();
  const [program = process.execPath, ...rest] = command;
  const child = spawn(program, [...rest, 'start', '--json'], { cwd: workingDirectory, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const atWork = new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = parsed(line);
      if (event?.event === 'loaded' && (event.errors?.length ?? 0) > 0) reject(new Error(`a manifest could not be loaded: ${line}`));
      if (event?.event !== 'started') return;
      if ((event.failed?.length ?? 0) > 0) reject(new Error(`an agent could not start: ${line}`));
      else resolve(performance.now() - startedAt);
    });
  });
  const ready = Promise.race([atWork, exited.then(() => undefined)]);
  ready.catch(() => {}); // whoever waits for it hears of it
  return { pid: child.pid ?? -1, ready, exited, said: () => said, kill: () => end(child, 'SIGKILL', exited), stop: () => end(child, 'SIGTERM', exited) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals, exited: Promise<void>): Promise<void> {
  child.kill(signal);
  await exited;
  // Servers that the host started may hold its pipes for a moment longer.
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function parsed(line: string): { event?: string; failed?: unknown[]; errors?: unknown[] } | undefined {
  try {
    return JSON.parse(line) as { event?: string };
  } catch {
    return undefined;
  }
}
