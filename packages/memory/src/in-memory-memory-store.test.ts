import { systemClock } from '@cortex-runtime/core/node';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { formatMemoryDocument, parseMemoryDocument } from './file/memory-document.ts';
import { InMemoryMemoryStore } from './in-memory-memory-store.ts';
import { isSafeTypedName } from './memory-category.ts';
import { describeMemoryStoreContract } from './testing/index.ts';

describeMemoryStoreContract('InMemoryMemoryStore', async () => new InMemoryMemoryStore({ clock: systemClock }, { keepVersions: 5, maxContentBytes: 1_000 }));

it('writes any content and provenance to a document that reads the same', () => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom('\n', '\r', '---', ': ', '"', '\\', '\uFEFF', '\u2028', '#'), fc.string({ unit: 'grapheme', maxLength: 3 })), maxLength: 12 });
  const fact = text.filter((each) => each !== '');
  fc.assert(
    fc.property(text, fc.record({ agent: fact, runId: fact, source: fact }, { requiredKeys: [] }), fc.boolean(), (content, provenance, isDeleted) => {
      const version = { category: 'facts', name: 'x', content, version: 3, createdAt: 1_000, updatedAt: 2_000, provenance, isDeleted } as const;
      expect(parseMemoryDocument(formatMemoryDocument(version))).toEqual({ content, version: 3, createdAt: 1_000, updatedAt: 2_000, provenance, isDeleted });
    }),
  );
});

it('takes a name for safe exactly when it is lower-case words of letters and digits joined by single hyphens', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'z', '0', '9', '-', 'A', '.', '/', '_', ' ', '\u00e9', '\n', '\0'), { maxLength: 8 }), (characters) => {
      const name = characters.join('');
      const isSafe = name !== '' && name.split('-').every((word) => word !== '' && [...word].every((letter) => 'az09'.includes(letter)));
      expect(isSafeTypedName(name)).toBe(isSafe);
    }),
  );
});
