import { isAlias, isMap, isScalar, isSeq, type Alias, type Document, type Node, type Scalar } from 'yaml';

import { manifestLimits } from './limits.ts';
import { YamlProblem } from './yaml-problem.ts';

/**
 * The plain value of a document: maps, lists, texts, finite numbers, booleans and null. Aliases are expanded within a bound.
 *
 * @throws YamlProblem for what a plain value can not hold or would alter in silence: repeated keys, `__proto__`, numbers that lose digits, NaN
 */
export function plainValue(document: Document): unknown {
  return new Reader(document).read(document.contents, 0, 0);
}

/** The key of a map entry as text, or undefined when it is no simple value. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key) || key.value === null) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

class Reader {
  readonly #document: Document;
  readonly #targets = new Map<Alias, Node>();
  #values = 0;

  constructor(document: Document) {
    this.#document = document;
  }

  read(node: unknown, depth: number, at: number): unknown {
    const offset = startOf(node) ?? at;
    this.#values += 1;
    if (this.#values > manifestLimits.maxValues) throw new YamlProblem(`has more than ${manifestLimits.maxValues} values once its aliases are expanded`, offset);
    if (depth > manifestLimits.maxDepth) throw new YamlProblem(`is nested more than ${manifestLimits.maxDepth} levels deep, or an alias contains itself`, offset);
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.read(this.#target(node, offset), depth + 1, offset);
    if (isScalar(node)) return scalarValue(node, offset);
    if (isSeq(node)) return node.items.map((item) => this.read(item, depth + 1, offset));
    if (isMap(node)) {
      const result: Record<string, unknown> = {};
      for (const { key, value } of node.items) {
        const keyOffset = startOf(key) ?? offset;
        const name = this.#key(key, keyOffset);
        if (Object.hasOwn(result, name)) throw new YamlProblem(`the key ${JSON.stringify(name)} stands here twice; keep one`, keyOffset);
        result[name] = this.read(value, depth + 1, keyOffset);
      }
      return result;
    }
    throw new YamlProblem('is nothing that a manifest can hold', offset);
  }

  #key(key: unknown, offset: number): string {
    const name = keyText(key);
    if (name === undefined) throw new YamlProblem('a key must be a simple text', offset);
    if (name === '__proto__') throw new YamlProblem('__proto__ is not allowed as a key; choose another name', offset);
    if (name === '<<' && isScalar(key) && key.type === 'PLAIN') throw new YamlProblem('merge keys (<<) are not part of YAML 1.2; use an alias for a whole value, or repeat the settings', offset);
    if (!name.isWellFormed()) throw new YamlProblem('the key holds half of a surrogate pair, which UTF-8 can not carry', offset);
    return name;
  }

  #target(alias: Alias, offset: number): Node {
    const known = this.#targets.get(alias);
    if (known !== undefined) return known;
    const target = alias.resolve(this.#document);
    if (target === undefined) throw new YamlProblem(`the alias *${alias.source} has no anchor before it; a text that begins with * needs quotes`, offset);
    this.#targets.set(alias, target);
    return target;
  }
}

function scalarValue({ value, source = '' }: Scalar, offset: number): unknown {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new YamlProblem(`${source} is not a number that can be stored; give a finite one`, offset);
    if (Object.is(value, -0)) throw new YamlProblem('-0 would become 0; write 0', offset);
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && !/[.eE]/.test(source)) throw new YamlProblem(`${source} has more digits than a number keeps; write it in quotes`, offset);
  }
  if (typeof value === 'string' && !value.isWellFormed()) throw new YamlProblem('the text holds half of a surrogate pair, which UTF-8 can not carry', offset);
  return value;
}

/** Where a node begins in the text. */
export function startOf(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null | undefined)?.range?.[0];
}
