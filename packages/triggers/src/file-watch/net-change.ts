/** What happened to a file, seen from the end of a window. */
export type FileChangeKind = 'created' | 'modified' | 'deleted' | 'moved';

/**
 * The one change that several within a window come to, or undefined when they come to nothing (created and deleted again).
 *
 * @param exists - whether the file is there at the end of the window
 */
export function netChange(seen: ReadonlySet<FileChangeKind>, exists: boolean): FileChangeKind | undefined {
  if (!exists) return seen.has('created') ? undefined : 'deleted';
  if (seen.has('created') || seen.has('deleted')) return 'created';
  return seen.has('moved') ? 'moved' : 'modified';
}
