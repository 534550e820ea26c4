import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One line of a ledger. */
export type LedgerRecord = Readonly<Record<string, unknown>>;

/** A file that counts calls for a test that kills processes: a record that was appended is on disk when `append` returns. */
export interface CallLedger {
  append(record: LedgerRecord): void;
  close(): void;
}

export function openCallLedger(path: string): CallLedger {
  const file = openSync(path, 'a');
  return {
    append(record) {
      writeSync(file, `${JSON.stringify(record)}\n`);
      fsyncSync(file);
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
