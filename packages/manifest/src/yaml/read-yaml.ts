import { Composer, isAlias, isMap, isScalar, isSeq, LineCounter, Parser, type Document } from 'yaml';

import { lexYaml } from './lex-yaml.ts';
import { keyText, plainValue, startOf } from './plain-value.ts';
import { YamlProblem } from './yaml-problem.ts';

export interface YamlText {
  /** Null for a text without a document. */
  value: unknown;
  document: Document | undefined;
  /** Line and column, from 1, of the value at a path; of its key when `atKey`; of the nearest thing around it when it is not there. */
  locate(segments: readonly (string | number)[], atKey?: boolean): { line: number; column: number };
}

/** Line and column, from 1, of an offset in a text. */
export function placeInText(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/**
 * Reads one YAML 1.2 document, with the place of everything in it.
 *
 * @throws YamlProblem when it is none, has several, exceeds a limit or can not be held as a plain value
 */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({ uniqueKeys: false, keepSourceTokens: false });
  const documents: Document[] = [];
  const collect = (found: Iterable<Document>) => {
    for (const document of found) {
      documents.push(document);
      if (documents.length > 1) throw new YamlProblem('a second document begins here (---); one file is one manifest', documents[1]?.range?.[0] ?? 0);
    }
  };
  lines.addNewLine(0);
  for (const token of lexYaml(text)) for (const part of parser.next(token)) collect(composer.next(part));
  for (const part of parser.end()) collect(composer.next(part));
  collect(composer.end());
  const [document] = documents;
  const [error] = document?.errors ?? [];
  if (error !== undefined) throw new YamlProblem(explanations[error.code] ?? error.message, error.pos[0]);
  return {
    value: document === undefined ? null : plainValue(document),
    document,
    locate(segments, atKey = false) {
      const { line, col } = lines.linePos(offsetOf(document, segments, atKey));
      return { line: Math.max(line, 1), column: Math.max(col, 1) };
    },
  };
}

/** Words for the mistakes that people make most. */
const explanations: Partial<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab stands where YAML takes only spaces: replace the tabs of the indentation with spaces',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " stands in one line; put the text in quotes, or the nested map on its own lines',
  MULTILINE_IMPLICIT_KEY: 'a key without ":" or a text that goes on in the next line; is a ":" or the indentation missing here?',
};

function offsetOf(document: Document | undefined, segments: readonly (string | number)[], atKey: boolean): number {
  if (document === undefined) return 0;
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, segment] of segments.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => keyText(key) === String(segment));
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      if (atKey && index === segments.length - 1) break;
      next = pair.value;
      if (isScalar(next) && next.value === null && next.source === '') break;
    } else if (isSeq(node) && typeof segment === 'number') next = node.items[segment];
    else break;
    offset = startOf(next) ?? offset;
    node = next;
  }
  return offset;
}
