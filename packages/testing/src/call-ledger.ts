import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One line of a ledger. */
export type LedgerRecord = Readonly<Record<string, unknown>>;

/** A file that counts calls for a test that kills processes: a record that was appended survives the end of its process when `append` returns, and that of the machine when it is synced. */
export interface CallLedger {
  append(record: LedgerRecord): void;
  close(): void;
}

/** @param options.isSynced - false for the many records of a run in which only processes are killed */
export function openCallLedger(path: string, { isSynced = true }: { isSynced?: boolean } = {}): CallLedger {
  const file = openSync(path, 'a');
  return {
    append(record) {
      writeSync(file, `${JSON.stringify(record)}\n`);
      if (isSynced) fsyncSync(file);
    },
    close: () => closeSync(file),
  };
}

/** The records of a ledger, oldest first; none when the file is not there. A last line that was cut by a kill was not counted. */
export function readCallLedger(path: string): LedgerRecord[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as LedgerRecord);
}
