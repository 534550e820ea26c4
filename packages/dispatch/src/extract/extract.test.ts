import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { extractDiscoveries } from './extract-discoveries.ts';
import { extractMemoryProposals } from './extract-memory-proposals.ts';

describe('extractDiscoveries', () => {
  it('finds lines that begin with the tag', () => {
    expect(extractDiscoveries('Hello\n[DISCOVERY] The build needs Java 17\nno [DISCOVERY] here\n [DISCOVERY] nor here\n[DISCOVERY]\n[discovery] nor here\r\n[DISCOVERY]   And so on \r\n')).toEqual(['The build needs Java 17', 'And so on']);
  });

  // Weakness 27: tags in code counted.
  it('leaves code alone', () => {
    expect(extractDiscoveries('```\n[DISCOVERY] quoted\n```\n[DISCOVERY] meant\n~~~md\n[DISCOVERY] quoted\n```\n[DISCOVERY] still\n~~~\n`````\n[DISCOVERY] never closed')).toEqual(['meant']);
  });

  it('is bounded', () => {
    expect(extractDiscoveries('[DISCOVERY] x\n'.repeat(500))).toHaveLength(100);
    expect(extractDiscoveries(`[DISCOVERY] ${'x'.repeat(10_000)}`)[0]).toHaveLength(2_000);
  });
});

describe('extractMemoryProposals', () => {
  it('finds blocks, their mode and their content', () => {
    const text = 'I looked.\n[MEMORY: People/anna]\nPrefers tea.\nWorks in Berlin.\n\n[memory: facts/java update] needs 17\n[MEMORY: facts/empty]\n\n[MEMORY: facts/unknown delete]\nx';
    expect(extractMemoryProposals(text)).toEqual([
      { category: 'people', name: 'anna', mode: 'create', content: 'Prefers tea.\nWorks in Berlin.' },
      { category: 'facts', name: 'java', mode: 'update', content: 'needs 17' },
    ]);
  });

  // Weakness 27 (E28): a body swallowed the rest of the answer.
  it('ends a body at its end tag, at the next tag and at a discovery', () => {
    const text = '[MEMORY: facts/a]\none\n[/MEMORY]\nand this is for the reader\n[MEMORY: facts/b]\ntwo\n[DISCOVERY] three';
    expect(extractMemoryProposals(text).map(({ content }) => content)).toEqual(['one', 'two']);
    expect(extractDiscoveries(text)).toEqual(['three']);
  });

  // Weakness 27 (E28): `../../etc/passwd` was a name.
  it('knows no name that is not safe', () => {
    for (const name of ['../../etc/passwd', 'a/b', 'Anna', '.hidden', '-a', 'a--b', 'a_b', 'a'.repeat(101)]) expect(extractMemoryProposals(`[MEMORY: people/${name}]\nx`)).toEqual([]);
  });

  it('keeps code within a body, and reads no tags in it', () => {
    expect(extractMemoryProposals('[MEMORY: facts/setup]\nRun:\n```sh\n[MEMORY: facts/evil]\n[/MEMORY]\nmake\n```\nDone.')).toEqual([
      { category: 'facts', name: 'setup', mode: 'create', content: 'Run:\n```sh\n[MEMORY: facts/evil]\n[/MEMORY]\nmake\n```\nDone.' },
    ]);
    expect(extractMemoryProposals('```\n[MEMORY: facts/quoted]\nx\n```')).toEqual([]);
  });

  it('is bounded', () => {
    expect(extractMemoryProposals('[MEMORY: facts/a]\nx\n'.repeat(500))).toHaveLength(50);
    expect(extractMemoryProposals(`[MEMORY: facts/a]\n${'x'.repeat(100_000)}`)[0]?.content.length).toBeLessThanOrEqual(16_384);
  });

  it('reads any text, whatever it holds', () => {
    const piece = fc.constantFrom('[MEMORY: facts/a]', '[MEMORY:', '[/MEMORY]', '[DISCOVERY] x', '```', '~~~', '\n', '\r\n', ' ', 'text', '`', ']', '/', 'update', '\u2028');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        for (const { name, content } of extractMemoryProposals(pieces.join(''))) {
          expect(name).toBe('a');
          expect(content.trim()).not.toBe('');
        }
        extractDiscoveries(pieces.join(''));
      }),
    );
  });
});
