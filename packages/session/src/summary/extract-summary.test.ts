import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { SessionMessage } from '../session.ts';
import { extractSummary } from './extract-summary.ts';

const message = (seq: number, sender: string, text: string): SessionMessage => ({ seq, messageId: `m-${seq}`, sender, senderId: 'u', text, sentAt: 0, isBot: false, metadata: {} });

describe('extractSummary', () => {
  it('keeps the sentences that the talk was about, in order, with who said them', () => {
    const messages = [
      message(1, 'Anna', 'Good morning! The release of the billing service is planned for Tuesday.'),
      message(2, 'Bob', 'Fine. The billing service still fails two tests before the release.'),
      message(3, 'Anna', 'Nice weather.'),
      message(4, 'forge', 'I fixed both tests of the billing service. The release can go on Tuesday.'),
      message(5, 'Bob', 'Thanks!'),
    ];
    const summary = extractSummary({ messages, maxChars: 200 });
    expect(summary).toContain('Anna: The release of the billing service is planned for Tuesday.');
    expect(summary).not.toContain('weather');
    expect(summary.indexOf('Anna')).toBeLessThan(summary.indexOf('forge'));
  });

  it('carries on what was summed up before', () => {
    const previous = '- Anna: The release of the billing service is planned for Tuesday.';
    const summary = extractSummary({ previous, messages: [message(1, 'Bob', 'When is the billing service released, on Tuesday?')], maxChars: 500 });
    expect(summary.split('\n')).toEqual([previous, '- Bob: When is the billing service released, on Tuesday?']);
  });

  it('is never too long, never breaks a character, and is the same each time', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'word ', '. ', '\n', '\u{1f980}', '\u4e2d', '\u3002'), maxLength: 800 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), text, fc.integer({ min: 1, max: 600 }), (texts, previous, maxChars) => {
        const request = { previous, messages: texts.map((each, index) => message(index + 1, 'A\nB', each)), maxChars };
        const summary = extractSummary(request);
        expect(summary.length).toBeLessThanOrEqual(maxChars);
        expect(summary.isWellFormed()).toBe(true);
        expect(extractSummary(request)).toBe(summary);
      }),
      { numRuns: 50 },
    );
  });

  it('has nothing to say about nothing', () => {
    expect(extractSummary({ messages: [], maxChars: 100 })).toBe('');
    expect(extractSummary({ messages: [message(1, 'A', '...')], maxChars: 100 })).toBe('');
  });
});
