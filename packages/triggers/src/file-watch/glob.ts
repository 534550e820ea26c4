import { InvalidInputError } from '@cortex-runtime/core';

/** A compiled glob. */
export interface Glob {
  /** @param path - relative, with forward slashes */
  matches(path: string): boolean;
}

/** One place of a pattern: a character, any character, a class, any run within a name, or any run across names. */
type GlobPart = { kind: 'character'; text: string } | { kind: 'any' } | { kind: 'class'; negated: boolean; ranges: [string, string][] } | { kind: 'run' } | { kind: 'deepRun' };

const maxAlternatives = 64;

/**
 * Compiles `*`, `?`, `[a-z]`, `[!a-z]`, `{one,two}` and `**`. A pattern without a slash is about the file name, one with a slash about the path below the watched directory.
 *
 * Names that begin with a dot, and what lies below such directories, match only where the pattern writes the dot. No regular expression is made: the time is bounded by
 * the length of the pattern times that of the path, whatever they hold.
 *
 * @throws InvalidInputError
 */
export function glob(pattern: string): Glob {
  const isAboutPath = pattern.includes('/');
  const alternatives = expandBraces(pattern.replace(/^\.?\//, '')).map(parseGlob);
  return {
    matches(path) {
      if (isAboutPath) return alternatives.some((parts) => matchGlob(parts, path));
      const slash = path.lastIndexOf('/');
      if (slash !== -1 && (path.startsWith('.') || path.slice(0, slash).includes('/.'))) return false;
      return alternatives.some((parts) => matchGlob(parts, path.slice(slash + 1)));
    },
  };
}

function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{');
  const close = open === -1 ? -1 : pattern.indexOf('}', open);
  if (close === -1) return [pattern];
  const inner = pattern.slice(open + 1, close);
  if (inner.includes('{')) throw new InvalidInputError('pattern', `braces inside braces are not supported: ${pattern}`);
  const rests = expandBraces(pattern.slice(close + 1));
  const expanded = inner.split(',').flatMap((choice) => rests.map((rest) => pattern.slice(0, open) + choice + rest));
  if (expanded.length > maxAlternatives) throw new InvalidInputError('pattern', `stands for more than ${maxAlternatives} patterns: ${pattern}`);
  return expanded;
}

function parseGlob(pattern: string): GlobPart[] {
  const parts: GlobPart[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '*') {
      const isDeep = pattern.charAt(at + 1) === '*';
      if (isDeep) {
        at += 1;
        // `**/` may also stand for nothing.
        if (pattern.charAt(at + 1) === '/' && (at < 2 || pattern.charAt(at - 2) === '/')) at += 1;
      }
      const kind = isDeep ? 'deepRun' : 'run';
      if (parts.at(-1)?.kind !== kind) parts.push({ kind });
    } else if (character === '?') parts.push({ kind: 'any' });
    else if (character === '[' && pattern.indexOf(']', at + 2) !== -1) {
      const close = pattern.indexOf(']', at + 2);
      parts.push(parseClass(pattern.slice(at + 1, close)));
      at = close;
    } else if (character === '\\' && at + 1 < pattern.length) {
      at += 1;
      parts.push({ kind: 'character', text: pattern.charAt(at) });
    } else parts.push({ kind: 'character', text: character });
  }
  return parts;
}

function parseClass(text: string): GlobPart {
  const negated = text.startsWith('!') || text.startsWith('^');
  const members = negated ? text.slice(1) : text;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members.charAt(at);
    if (members.charAt(at + 1) === '-' && at + 2 < members.length) {
      ranges.push([from, members.charAt(at + 2)]);
      at += 2;
    } else ranges.push([from, from]);
  }
  return { kind: 'class', negated, ranges };
}

/** All positions that the parts read so far can end at, moved on one part at a time. */
function matchGlob(parts: readonly GlobPart[], path: string): boolean {
  let ends = new Uint8Array(path.length + 1);
  ends[0] = 1;
  for (const part of parts) {
    const next = new Uint8Array(path.length + 1);
    if (part.kind === 'run' || part.kind === 'deepRun') {
      let isOpen = false;
      for (let at = 0; at <= path.length; at += 1) {
        if (ends[at] === 1) isOpen = true;
        if (!isOpen) continue;
        next[at] = 1;
        const isHidden = path.charAt(at) === '.' && (at === 0 || path.charAt(at - 1) === '/');
        if (isHidden || (part.kind === 'run' && path.charAt(at) === '/')) isOpen = false;
      }
    } else {
      for (let at = 0; at < path.length; at += 1) if (ends[at] === 1 && fits(part, path, at)) next[at + 1] = 1;
    }
    ends = next;
  }
  return ends[path.length] === 1;
}

function fits(part: Exclude<GlobPart, { kind: 'run' | 'deepRun' }>, path: string, at: number): boolean {
  const character = path.charAt(at);
  if (part.kind === 'character') return part.text === character;
  const isHidden = character === '.' && (at === 0 || path.charAt(at - 1) === '/');
  if (character === '/' || isHidden) return false;
  return part.kind === 'any' || part.ranges.some(([from, to]) => from <= character && character <= to) !== part.negated;
}
