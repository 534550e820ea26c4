/** A task that the bus has. */
export interface SubmittedTask {
  readonly taskId: string;
  readonly stream: string;
  /** Id of its entry. */
  readonly msgId: string;
}
