import { clip, printable } from './printable.ts';

export interface Column {
  title: string;
  /** Characters it may take at most. */
  maxWidth: number;
  align?: 'left' | 'right';
}

/** Lines of a table whose columns are as wide as what is in them, at most their `maxWidth`; two blanks stand between them. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): { head: string; body: string[] } {
  const cells = rows.map((row) => columns.map((column, index) => clip(printable(row[index] ?? ''), column.maxWidth)));
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((row) => [...(row[index] ?? '')].length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => {
        const blanks = ' '.repeat(Math.max(0, (widths[index] ?? 0) - [...cell].length));
        return columns[index]?.align === 'right' ? blanks + cell : cell + blanks;
      })
      .join('  ')
      .trimEnd();
  return { head: line(columns.map(({ title }) => title)), body: cells.map(line) };
}
