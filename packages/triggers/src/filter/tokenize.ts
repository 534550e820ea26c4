import { FilterSyntaxError } from '../errors.ts';

export interface FilterToken {
  kind: 'name' | 'number' | 'text' | 'sign' | 'end';
  /** As written; for a text, what it stands for. */
  text: string;
  /** 1 for the first character. */
  column: number;
}

const signs = ['==', '!=', '<=', '>=', '<', '>', '(', ')', '[', ']', '{', '}', ',', '.', '-'];
const escapes: Readonly<Record<string, string>> = { '\\': '\\', "'": "'", '"': '"', n: '\n', r: '\r', t: '\t', '0': '\0' };

/** Cuts an expression into tokens, one pass, character by character. */
export function tokenize(source: string): FilterToken[] {
  const tokens: FilterToken[] = [];
  let at = 0;
  while (at < source.length) {
    const character = source.charAt(at);
    const column = at + 1;
    if (' \t\r\n'.includes(character)) at += 1;
    else if (isNameStart(character)) {
      const start = at;
      while (at < source.length && (isNameStart(source.charAt(at)) || isDigit(source.charAt(at)))) at += 1;
      const following = source.charAt(at);
      if (following === '"' || following === "'") throw new FilterSyntaxError(column, 'prefixes before a text are not supported; write the text in plain quotes');
      tokens.push({ kind: 'name', text: source.slice(start, at), column });
    } else if (isDigit(character) || (character === '.' && isDigit(source.charAt(at + 1)))) {
      const end = endOfNumber(source, at);
      tokens.push({ kind: 'number', text: source.slice(at, end), column });
      at = end;
    } else if (character === '"' || character === "'") {
      const { text, end } = readText(source, at);
      tokens.push({ kind: 'text', text, column });
      at = end;
    } else {
      const sign = signs.find((candidate) => source.startsWith(candidate, at));
      if (sign === undefined) throw new FilterSyntaxError(column, `${JSON.stringify(character)} is not part of the filter language${hintFor(source, at)}`);
      tokens.push({ kind: 'sign', text: sign, column });
      at += sign.length;
    }
  }
  tokens.push({ kind: 'end', text: '', column: source.length + 1 });
  return tokens;
}

function isNameStart(character: string): boolean {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') || character === '_';
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

function endOfNumber(source: string, start: number): number {
  let at = start;
  const digits = () => {
    while (isDigit(source.charAt(at))) at += 1;
  };
  digits();
  if (source.charAt(at) === '.' && !isNameStart(source.charAt(at + 1))) {
    at += 1;
    digits();
  }
  if ('eE'.includes(source.charAt(at)) && source.charAt(at) !== '') {
    const afterSign = '+-'.includes(source.charAt(at + 1)) && source.charAt(at + 1) !== '' ? at + 2 : at + 1;
    if (isDigit(source.charAt(afterSign))) {
      at = afterSign;
      digits();
    }
  }
  if (isNameStart(source.charAt(at))) throw new FilterSyntaxError(at + 1, `expected the end of the number ${source.slice(start, at)}, found ${JSON.stringify(source.charAt(at))}`);
  return at;
}

function readText(source: string, start: number): { text: string; end: number } {
  const quote = source.charAt(start);
  if (source.startsWith(quote.repeat(3), start)) throw new FilterSyntaxError(start + 1, 'texts in triple quotes are not supported; use single ones');
  let text = '';
  let at = start + 1;
  while (at < source.length) {
    const character = source.charAt(at);
    if (character === quote) return { text, end: at + 1 };
    if (character === '\n') break;
    if (character !== '\\') {
      text += character;
      at += 1;
      continue;
    }
    const escaped = source.charAt(at + 1);
    const length = escaped === 'x' ? 2 : escaped === 'u' ? 4 : 0;
    if (length > 0) {
      const hex = source.slice(at + 2, at + 2 + length);
      if (hex.length !== length || !/^[0-9a-fA-F]+$/.test(hex)) throw new FilterSyntaxError(at + 1, `\\${escaped} needs ${length} hexadecimal digits`);
      text += String.fromCharCode(Number.parseInt(hex, 16));
    } else {
      const meaning = Object.hasOwn(escapes, escaped) ? escapes[escaped] : undefined;
      if (meaning === undefined) throw new FilterSyntaxError(at + 1, `\\${escaped} is not a known escape; write \\\\ for a backslash`);
      text += meaning;
    }
    at += 2 + length;
  }
  throw new FilterSyntaxError(start + 1, `the text that begins here has no closing ${quote}`);
}

function hintFor(source: string, at: number): string {
  const two = source.slice(at, at + 2);
  if (two === '&&') return '; write and';
  if (two === '||') return '; write or';
  if (source.charAt(at) === '!') return '; write not';
  if (source.charAt(at) === '=') return '; write == to compare';
  if ('+*/%'.includes(source.charAt(at))) return '; there is no arithmetic';
  return '';
}
