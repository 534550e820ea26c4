import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import { chaosProxy, type ChaosProxy } from '../chaos-proxy.ts';
import { programArguments } from '../program-arguments.ts';
import type { MeshLife } from './mesh-history.ts';
import type { MeshMemberOptions } from './mesh-member-options.ts';

/** How a life of a process ended: by whom, or by itself. */
export type LifeEnd = 'killed' | 'told to stop' | 'killed by a task' | 'crashed' | 'over with the run';

export interface MeshMemberInput {
  kind: 'submitter' | 'worker';
  /** Module with `runMeshWorker` and `runMeshSubmitter`. */
  programModule: string;
  redisPort: number;
  options: Omit<MeshMemberOptions, 'life' | 'bus'> & { bus: Omit<MeshMemberOptions['bus'], 'url'> };
  onLine?: (line: string) => void;
}

const restartMs = 150;
/** Longer than whatever an operation on a server that is away takes. */
const endsWithinMs = 40_000;

/**
 * A process of the mesh in all its lives, and its way to the server. A life that ends by itself is followed by another.
 *
 * What is done to it is done one thing after the other (`afterOthers`).
 */
export class MeshMember {
  readonly name: string;
  readonly proxy: ChaosProxy;
  /** How its lives ended, by life; the current one is not there. */
  readonly ends = new Map<MeshLife, LifeEnd>();
  /** What was wrong in lives that crashed. */
  readonly crashes: string[] = [];
  readonly #input: MeshMemberInput;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #life = 0;
  #wish: LifeEnd | undefined;
  #queue: Promise<void> = Promise.resolve();
  #isOver = false;

  private constructor(input: MeshMemberInput, proxy: ChaosProxy) {
    this.#input = input;
    this.proxy = proxy;
    this.name = `${input.kind}-${input.options.index}`;
  }

  static async start(input: MeshMemberInput): Promise<MeshMember> {
    const member = new MeshMember(input, await chaosProxy(input.redisPort));
    await member.#start();
    return member;
  }

  get lives(): number {
    return this.#life;
  }

  /** Does something to it when what was asked before is over. */
  afterOthers(work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(() => (this.#isOver ? undefined : work()));
    return this.#queue;
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL', 'killed');
  }

  async restart(): Promise<void> {
    if (this.#child === undefined && !this.#isOver) await this.#start();
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGTERM; the new life begins at once, as deployments do it, unless there is a journal that only one can have. */
  async deploy(): Promise<void> {
    const ended = this.#end('SIGTERM', 'told to stop');
    if (this.#input.options.journal !== undefined) await ended;
    this.#child = undefined;
    await this.#start();
    await ended;
  }

  /** For good. */
  async stop(): Promise<void> {
    await this.#queue;
    this.#isOver = true;
    await this.#end('SIGTERM', 'over with the run');
    await this.proxy.close();
  }

  async #end(signal: NodeJS.Signals, how: LifeEnd): Promise<void> {
    const child = this.#child;
    const ended = this.#ended;
    if (child === undefined) return;
    this.#wish = how;
    child.kill('SIGCONT');
    child.kill(signal);
    const patience = setTimeout(() => {
      this.crashes.push(`${this.name} did not end within ${endsWithinMs} ms of ${signal}`);
      child.kill('SIGKILL');
    }, endsWithinMs);
    await ended;
    clearTimeout(patience);
  }

  async #start(): Promise<void> {
    const { kind, programModule, options } = this.#input;
    const life: MeshLife = `${kind}-${options.index}.${this.#life}`;
    const bus = { ...options.bus, url: `redis://127.0.0.1:${this.proxy.port}` };
    const child = spawn(process.execPath, programArguments(programModule, kind === 'worker' ? 'runMeshWorker' : 'runMeshSubmitter', { ...options, bus, life: this.#life } satisfies MeshMemberOptions), { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#life += 1;
    this.#child = child;
    this.#wish = undefined;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
    let isReady: () => void = () => {};
    const ready = new Promise<void>((resolve) => (isReady = resolve));
    createInterface({ input: child.stdout }).on('line', (line) => (line === 'ready' ? isReady() : this.#input.onLine?.(line)));
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const end = this.#endOf(child, code, signal);
        this.ends.set(life, end);
        if (end === 'crashed') this.crashes.push(`${life} ended with ${String(code ?? signal)}: ${said.trim()}`);
        const endedByItself = this.#child === child && this.#wish === undefined;
        if (this.#child === child) this.#child = undefined;
        if (endedByItself) setTimeout(() => void this.restart(), restartMs);
        isReady();
        resolve();
      });
    });
    await ready;
  }

  #endOf(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): LifeEnd {
    if (signal === 'SIGKILL') return this.#child === child && this.#wish === undefined ? 'killed by a task' : 'killed';
    if (code !== 0 && signal !== 'SIGTERM') return 'crashed'; // it may not have got so far as to stop in order
    return this.#isOver ? 'over with the run' : 'told to stop';
  }
}
