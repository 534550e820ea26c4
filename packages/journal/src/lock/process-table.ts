/** What can be known about the processes of this machine. */
export interface ProcessTable {
  /** This process. */
  readonly pid: number;
  readonly hostname: string;
  /** Changes with every start of the machine; undefined where the system does not tell. */
  bootId(): Promise<string | undefined>;
  /** Tells a process from a later one with the same number; undefined where the system does not tell, or when there is no such process. */
  startTime(pid: number): Promise<string | undefined>;
  isAlive(pid: number): Promise<boolean>;
}
