import { isDeepStrictEqual } from 'node:util';

import { isMap, isScalar, isSeq, type Document, type ParsedNode, type YAMLMap, type YAMLSeq } from 'yaml';

import { keyText } from './plain-value.ts';

/**
 * Edits a document so that it says `next` where it said `previous`. What does not differ is not touched: its comments, its order, its way of
 * writing (`5m`, `${N:-2}`) stay. `previous` is what the document means, which need not be what it literally says.
 */
export function updateDocument(document: Document, previous: unknown, next: unknown): void {
  document.contents = update(document, document.contents, previous, next) as ParsedNode | null;
}

function update(document: Document, node: unknown, previous: unknown, next: unknown): unknown {
  if (isDeepStrictEqual(previous, next)) return node;
  if (isMap(node) && isRecord(previous) && isRecord(next)) return updateMap(document, node, previous, next);
  if (isSeq(node) && Array.isArray(previous) && Array.isArray(next)) return updateList(document, node, previous, next);
  const isSimple = typeof next !== 'object' || next === null;
  if (isScalar(node) && isSimple) {
    node.value = next;
    delete node.source;
    delete node.format;
    delete node.minFractionDigits;
    if (typeof next !== 'string' || next.includes('\n') !== (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')) delete node.type;
    return node;
  }
  return document.createNode(next);
}

function updateMap(document: Document, map: YAMLMap, previous: Record<string, unknown>, next: Record<string, unknown>): YAMLMap {
  map.items = map.items.filter(({ key }) => Object.hasOwn(next, keyText(key) ?? ''));
  const present = new Set<string>();
  for (const pair of map.items) {
    const key = keyText(pair.key) ?? '';
    present.add(key);
    pair.value = update(document, pair.value, previous[key], next[key]);
  }
  for (const [key, value] of Object.entries(next)) if (!present.has(key)) map.items.push(document.createPair(key, value));
  return map;
}

/** Items that are equal at both ends are kept, so that one that is put in or taken out in the middle does not move the comments of the others. */
function updateList(document: Document, list: YAMLSeq, previous: readonly unknown[], next: readonly unknown[]): YAMLSeq {
  let head = 0;
  while (head < previous.length && head < next.length && isDeepStrictEqual(previous[head], next[head])) head += 1;
  let tail = 0;
  while (tail < previous.length - head && tail < next.length - head && isDeepStrictEqual(previous.at(-1 - tail), next.at(-1 - tail))) tail += 1;
  const middle = next.slice(head, next.length - tail).map((item, offset) => {
    const index = head + offset;
    return index < previous.length - tail ? update(document, list.items[index], previous[index], item) : document.createNode(item);
  });
  list.items = [...list.items.slice(0, head), ...middle, ...list.items.slice(previous.length - tail)];
  return list;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
