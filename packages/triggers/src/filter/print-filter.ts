import type { FilterNode } from './filter-syntax.ts';

/** The canonical text of a filter: parsing it gives the same filter again. */
export function printFilter(node: FilterNode): string {
  switch (node.kind) {
    case 'literal':
      return literal(node.value);
    case 'name':
      return node.name;
    case 'collection': {
      const items = node.items.map(printFilter).join(', ');
      if (node.shape === 'list') return `[${items}]`;
      if (node.shape === 'set') return `{${items}}`;
      return node.items.length === 1 ? `(${items},)` : `(${items})`;
    }
    case 'attribute':
      return `${target(node.target)}.${node.name}`;
    case 'index':
      return `${target(node.target)}[${printFilter(node.index)}]`;
    case 'call':
      return `${node.function}(${node.arguments.map(printFilter).join(', ')})`;
    case 'method':
      return `${target(node.target)}.${node.method}(${node.arguments.map(printFilter).join(', ')})`;
    case 'negative':
      return `-${within(node.operand, ['comparison', 'not', 'and', 'or'])}`;
    case 'not':
      return `not ${within(node.operand, ['and', 'or'])}`;
    case 'and':
    case 'or':
      return node.operands.map((operand) => within(operand, node.kind === 'and' ? ['and', 'or'] : ['or'])).join(` ${node.kind} `);
    case 'comparison':
      return [operand(node.first), ...node.rest.map((part) => `${part.operator} ${operand(part.operand)}`)].join(' ');
  }
}

function operand(node: FilterNode): string {
  return within(node, ['comparison', 'not', 'and', 'or']);
}

/** A number before a dot would be read as one with a fraction. */
function target(node: FilterNode): string {
  const needsParentheses = node.kind === 'literal' && typeof node.value === 'number';
  return needsParentheses ? `(${printFilter(node)})` : within(node, ['negative', 'comparison', 'not', 'and', 'or']);
}

function within(node: FilterNode, looser: readonly FilterNode['kind'][]): string {
  const text = printFilter(node);
  return looser.includes(node.kind) ? `(${text})` : text;
}

function literal(value: string | number | boolean | null): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  let text = "'";
  for (let at = 0; at < value.length; at += 1) {
    const character = value.charAt(at);
    const code = value.charCodeAt(at);
    if (character === "'" || character === '\\') text += `\\${character}`;
    else if (code < 32) text += `\\x${code.toString(16).padStart(2, '0')}`;
    else text += character;
  }
  return `${text}'`;
}
