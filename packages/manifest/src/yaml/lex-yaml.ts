import { CST, Lexer } from 'yaml';

import { manifestLimits } from './limits.ts';
import { YamlProblem } from './yaml-problem.ts';

/**
 * The tokens of a text, for the parser. Lexing is linear and not recursive; what makes parsers slow or deep is refused here, while it is counted,
 * before anything is built from it.
 *
 * @throws YamlProblem at the first token beyond a limit, and for tags and directives, which manifests do not have
 */
export function lexYaml(text: string): string[] {
  const tokens: string[] = [];
  const guard = new TokenGuard();
  for (const token of new Lexer().lex(text)) {
    tokens.push(token);
    if (tokens.length > manifestLimits.maxTokens) throw new YamlProblem(`has more than ${manifestLimits.maxTokens} tokens; keep data out of the manifest`, guard.offset);
    guard.take(token);
  }
  return tokens;
}

class TokenGuard {
  offset = 0;
  #anchors = 0;
  #aliases = 0;
  #isScalar = false;
  #isContentStart = true;
  #lineStart = 0;
  #flowDepth = 0;
  /** Columns at which the open block maps and lists begin, outermost first. */
  readonly #blocks: number[] = [];

  take(token: string): void {
    if (token === CST.SCALAR) {
      this.#isScalar = true;
      return;
    }
    if (token === CST.DOCUMENT) return;
    if (token === CST.FLOW_END) {
      this.#flowDepth = 0;
      return;
    }
    const type = this.#isScalar ? 'scalar' : CST.tokenType(token);
    this.#isScalar = false;
    this.#check(type, token);
    this.offset += token.length;
    const lineEnd = token.lastIndexOf('\n');
    if (lineEnd !== -1) {
      this.#lineStart = this.offset - token.length + lineEnd + 1;
      this.#isContentStart = true;
    }
  }

  #check(type: string | null, token: string): void {
    if (type === 'space' || type === 'newline' || type === 'comment' || type === 'byte-order-mark') return;
    if (type === 'tag') throw new YamlProblem(`the tag ${token.slice(0, 40)} is not supported; write plain values, in quotes where a text looks like something else`, this.offset);
    if (type === 'directive-line') throw new YamlProblem('directives (lines that begin with %) are not supported; remove the line', this.offset);
    if (type === 'anchor' && (this.#anchors += 1) > manifestLimits.maxAnchors) throw new YamlProblem(`has more than ${manifestLimits.maxAnchors} anchors (&name)`, this.offset);
    if (type === 'alias' && (this.#aliases += 1) > manifestLimits.maxAliases) throw new YamlProblem(`has more than ${manifestLimits.maxAliases} aliases (*name)`, this.offset);
    if (type === 'flow-map-start' || type === 'flow-seq-start') this.#flowDepth += 1;
    else if (type === 'flow-map-end' || type === 'flow-seq-end') this.#flowDepth = Math.max(0, this.#flowDepth - 1);
    const isIndicator = type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind';
    if (this.#flowDepth === 0 && (this.#isContentStart || isIndicator)) this.#openBlock(this.offset - this.#lineStart);
    this.#isContentStart = isIndicator;
    if (this.#blocks.length + this.#flowDepth > manifestLimits.maxDepth) throw new YamlProblem(`is nested more than ${manifestLimits.maxDepth} levels deep`, this.offset);
  }

  #openBlock(column: number): void {
    while ((this.#blocks.at(-1) ?? -1) > column) this.#blocks.pop();
    if (this.#blocks.at(-1) !== column) this.#blocks.push(column);
  }
}
