/** Ends this process when whoever started it is gone, however it went: nobody else would end it. Standard input has to be a pipe of the parent's. */
export function endWithParent(): void {
  process.stdin.resume().once('close', () => process.exit(1));
}
