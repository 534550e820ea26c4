import { spawn, spawnSync } from 'node:child_process';

/** What `strace` does to a system call of a child process. */
export interface SyscallFault {
  /** `write`, `fdatasync`, `rename`, `link` … */
  syscalls: readonly string[];
  /** Which of them, 1 for the first; `from` for it and all later ones. All when left out. */
  nth?: number | { from: number };
  /** The call is not made and gives this error: `EIO`, `ENOSPC` … */
  error?: string;
  /** The process gets this signal as it makes the call. */
  signal?: 'SIGKILL' | 'SIGSTOP';
  /** Microseconds that the call takes longer. */
  delayUs?: number;
}

export interface FaultyRun {
  /** Everything that it printed. */
  output: string;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

let reason: string | undefined | null = null;

/** Why system calls can not be tampered with here; undefined when they can. */
export function syscallFaultsUnavailable(): string | undefined {
  if (reason !== null) return reason;
  const tried = spawnSync('strace', ['-f', '-qq', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=1', process.execPath, '-e', ''], { encoding: 'utf8' });
  reason =
    tried.error !== undefined ? 'strace is not installed'
    : tried.status !== 0 ? `strace may not trace here: ${tried.stderr.trim().split('\n')[0] ?? `exit code ${String(tried.status)}`}`
    : undefined;
  return reason;
}

/** Runs Node under `strace`, which tampers with its system calls on files below `path`. */
export function runWithSyscallFaults(script: string, args: readonly string[], path: readonly string[], faults: readonly SyscallFault[]): Promise<FaultyRun> {
  const syscalls = [...new Set(faults.flatMap((fault) => fault.syscalls))];
  const child = spawn(
    'strace',
    ['-f', '-qq', '-o', '/dev/null', ...path.flatMap((each) => ['-P', each]), '-e', `trace=${syscalls.join()}`, ...faults.flatMap((fault) => ['-e', injection(fault)]), process.execPath, script, ...args],
    // strace counts for each thread: with one thread for files, `nth` is the nth of the program.
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => resolve({ output, exitCode, signal }));
  });
}

function injection({ syscalls, nth, error, signal, delayUs }: SyscallFault): string {
  const parts = [`inject=${syscalls.join()}`];
  if (error !== undefined) parts.push(`error=${error}`);
  if (signal !== undefined) parts.push(`signal=${signal}`);
  if (delayUs !== undefined) parts.push(`delay_enter=${delayUs}`);
  if (nth !== undefined) parts.push(`when=${typeof nth === 'number' ? nth : `${nth.from}+`}`);
  return parts.join(':');
}
