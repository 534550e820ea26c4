import { InvalidInputError } from '@cortex-runtime/core';

const word = /^[A-Za-z0-9_:-]+$/;

export function assertEventType(eventType: string): void {
  if (eventType.length > 200 || !eventType.split('.').every((part) => word.test(part))) {
    throw new InvalidInputError('eventType', `must be words of letters, digits, "_", "-" and ":" separated by dots, at most 200 characters, got ${JSON.stringify(eventType).slice(0, 240)}`);
  }
}

/**
 * Makes a test for names separated by dots. `*` stands for one word, a last `**` for one or more; `*` and `**` alone match every name. Linear in the length of the name.
 *
 * @throws InvalidInputError when it is no pattern
 */
export function eventPattern(pattern: string, field = 'pattern'): (name: string) => boolean {
  const parts = pattern.split('.');
  const isValid = pattern.length <= 200 && parts.every((part, index) => part === '*' || word.test(part) || (part === '**' && index === parts.length - 1));
  if (!isValid) {
    throw new InvalidInputError(field, `must be words separated by dots, "*" for one word, a last "**" for the rest, got ${JSON.stringify(pattern).slice(0, 240)}`);
  }
  if (pattern === '*' || pattern === '**') return () => true;
  if (!pattern.includes('*')) return (name) => name === pattern;
  const isOpen = parts.at(-1) === '**';
  const fixed = isOpen ? parts.slice(0, -1) : parts;
  return (name) => {
    const words = name.split('.');
    if (isOpen ? words.length <= fixed.length : words.length !== fixed.length) return false;
    return fixed.every((part, index) => part === '*' || part === words[index]);
  };
}

/** A source is any text, so it is matched word by word only when the filter has wildcards. */
export function sourceFilter(source: string | readonly string[] | undefined): (source: string) => boolean {
  if (source === undefined) return () => true;
  const tests = (typeof source === 'string' ? [source] : source).map((each) => (each.includes('*') ? eventPattern(each, 'source') : (name: string) => name === each));
  return (name) => tests.some((test) => test(name));
}
